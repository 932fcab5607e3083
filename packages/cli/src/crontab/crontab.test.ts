import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCrontab } from "./crontab.js";
import { CrontabError } from "./crontab-error.js";
import type { ParseCrontabOptions } from "./crontab-types.js";

const entries = (source: string, options?: ParseCrontabOptions) => parseCrontab(source, options).entries;
const only = (source: string, options?: ParseCrontabOptions) => {
  const [entry, ...others] = entries(source, options);
  expect(others).toEqual([]);
  if (!entry) throw new Error("no entry");
  return entry;
};
const codes = (source: string, options?: ParseCrontabOptions) =>
  parseCrontab(source, options).notes.map(({ line, code }) => `${line} ${code}`);

describe("entries", () => {
  it("skips comments and blank lines, and counts them", () => {
    expect(only("# one\n\n  \t\n  # two\n5 4 * * sun  echo hello\n")).toEqual({
      id: expect.stringMatching(/^crontab\/[0-9a-f]{16}$/),
      expr: "5 4 * * sun",
      command: "echo hello",
      env: {},
      line: 5,
    });
  });

  it("takes blanks and tabs before and between fields, and one blank between them in the expression", () => {
    expect(only(" \t0\t */2   * * 1-5\t date").expr).toBe("0 */2 * * 1-5");
  });

  it("takes CRLF, a byte order mark, and a last line without an end", () => {
    const [one, two] = entries("\uFEFF* * * * * one\r\n* * * * * two");
    expect([one?.command, two?.command]).toEqual(["one", "two"]);
  });

  it("keeps what looks like a comment or an assignment in a command", () => {
    expect(only("* * * * * A=1 run # not a comment").command).toBe("A=1 run # not a comment");
  });

  it("drops blanks at a command's end, unless a backslash escapes them", () => {
    expect(only("* * * * * echo a \t ").command).toBe("echo a");
    expect(only("* * * * * echo a\\   ").command).toBe("echo a\\ ");
  });

  it.each(["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@every 10s"])(
    "takes %s, also where lines have six fields",
    (nickname) => {
      expect(only(`${nickname} date -u`)).toMatchObject({ expr: nickname, command: "date -u" });
      expect(only(`ESCAPEMENT_SECONDS=yes\n${nickname} date -u`)).toMatchObject({
        expr: nickname,
        command: "date -u",
      });
    },
  );

  it("skips @reboot with a note, since a cluster has none", () => {
    expect(parseCrontab("@reboot start\n").entries).toEqual([]);
    expect(codes("\n@reboot start\n")).toEqual(["2 reboot-skipped"]);
  });

  it("keeps the user column of a system crontab apart from the command", () => {
    expect(only("0 1 * * *\twww-data\tphp cron.php", { system: true })).toMatchObject({
      user: "www-data",
      command: "php cron.php",
    });
    expect(only("@daily root date", { system: true })).toMatchObject({
      expr: "@daily",
      user: "root",
      command: "date",
    });
  });

  it("notes what is valid and probably a slip", () => {
    expect(codes("*/5 * * * * * date\n* * * * * root date\n* * * * * ok\n* * * * * ok")).toEqual([
      "1 looks-like-seconds",
      "2 looks-like-system",
      "4 duplicate-entry",
    ]);
  });

  it("reads the example", () => {
    const file = join(import.meta.dirname, "../../../examples/crontab/example.crontab");
    const parsed = parseCrontab(readFileSync(file));
    expect(parsed.notes).toEqual([]);
    expect(parsed.entries.find(({ id }) => id === "crontab/every-2-seconds")?.expr).toBe("*/2 * * * * *");
    expect(parsed.entries.find(({ id }) => id === "crontab/input")?.stdin).toBe("one\ntwo\nthree\n");
  });
});

describe("percent signs", () => {
  it.each([
    ["mail joe%Joe,%%Where?%", "mail joe", "Joe,\n\nWhere?\n"],
    ["date +\\%Y", "date +%Y", undefined],
    ["cat%100\\% sure", "cat", "100% sure\n"],
    ["cat%", "cat", undefined],
    ["cat%%", "cat", "\n"],
    ["echo a\\\\%b", "echo a\\\\", "b\n"],
    ["sed 's/\\./x/' \\", "sed 's/\\./x/' \\", undefined],
    ["cat % two blanks ", "cat", " two blanks \n"],
  ])("splits %j", (text, command, stdin) => {
    const entry = only(`* * * * * ${text}`);
    expect([entry.command, entry.stdin]).toEqual([command, stdin]);
  });
});

describe("variables", () => {
  it("apply to the lines after them only", () => {
    const envs = entries("A=1\n* * * * * x\nB=2\nA=3\n* * * * * y").map(({ env }) => env);
    expect(envs).toEqual([{ A: "1" }, { A: "3", B: "2" }]);
  });

  it.each([
    ["A=b", "b"],
    ["  A \t=  b c  ", "b c"],
    ['A="  b "', "  b "],
    ["A='b\"c'", 'b"c'],
    ['"A" = b', "b"],
    ["A=b'c'", "b'c'"],
    ["A=b=c # d", "b=c # d"],
    ["A=", ""],
    ['A=""', ""],
  ])("reads %j as cron does", (line, value) => {
    expect(only(`${line}\n* * * * * x`).env).toEqual({ A: value });
  });

  it("keeps a name such as __proto__ as plain data", () => {
    const { env } = only("__proto__=x\n* * * * * y");
    expect(Object.entries(env)).toEqual([["__proto__", "x"]]);
  });

  it("passes SHELL, PATH and HOME on; drops MAILTO and LOGNAME with a note", () => {
    const source = "SHELL=/bin/bash\nPATH=/bin\nHOME=/srv\nMAILTO=ops\nLOGNAME=me\n* * * * * x";
    expect(only(source).env).toEqual({ SHELL: "/bin/bash", PATH: "/bin", HOME: "/srv" });
    expect(codes(source)).toEqual(["4 mail-ignored", "5 logname-ignored"]);
  });

  it("notes that nothing is expanded and that nothing is delayed", () => {
    expect(codes("PATH=$HOME/bin\nRANDOM_DELAY=5")).toEqual(["1 not-expanded", "2 random-delay-ignored"]);
  });

  it("CRON_TZ sets the zone of the schedule until it is emptied, and is not handed to commands", () => {
    const found = entries("CRON_TZ=Europe/Berlin\n* * * * * x\nCRON_TZ=\n* * * * * x");
    expect(found.map(({ timezone, env }) => [timezone, env])).toEqual([
      ["Europe/Berlin", {}],
      [undefined, {}],
    ]);
  });

  it("TZ sets the command's clock and not the schedule, and says so", () => {
    expect(only("TZ=Asia/Tokyo\n* * * * * x")).not.toHaveProperty("timezone");
    expect(only("TZ=Asia/Tokyo\n* * * * * x").env).toEqual({ TZ: "Asia/Tokyo" });
    expect(codes("TZ=Asia/Tokyo")).toEqual(["1 tz-is-not-schedule"]);
    expect(codes("CRON_TZ=Asia/Tokyo\nTZ=Asia/Tokyo")).toEqual([]);
  });

  it("ESCAPEMENT_SECONDS says whether lines have six fields, and is not handed to commands", () => {
    const source = "ESCAPEMENT_SECONDS=yes\n*/2 * * * * * x\nESCAPEMENT_SECONDS=no\n* * * * * y";
    expect(entries(source).map(({ expr, command, env }) => [expr, command, env])).toEqual([
      ["*/2 * * * * *", "x", {}],
      ["* * * * *", "y", {}],
    ]);
  });
});

describe("ids", () => {
  const id = (source: string, options?: ParseCrontabOptions) => only(source, options).id;

  it("come from a name directly above", () => {
    expect(id("# name: backup\n@daily x")).toBe("crontab/backup");
    expect(id("#name:db/backup.1 \n@daily x")).toBe("crontab/db/backup.1");
  });

  it("do not come from a name with something in between, which is noted", () => {
    for (const between of ["\n", "# why\n", "A=1\n"]) {
      expect(id(`# name: backup\n${between}@daily x`)).not.toBe("crontab/backup");
      expect(codes(`# name: backup\n${between}@daily x`)).toEqual(["1 unused-name"]);
    }
    expect(codes("# name: any thing")).toEqual(["1 unused-name"]);
  });

  it("depend on expression, zone, user, command and input, and on nothing else", () => {
    const plain = id("0 1 * * * x a");
    expect(id("A=1\n# comment\n\n  0  1 * * *   x a ")).toBe(plain);
    const others = [
      id("0 2 * * * x a"),
      id("0 1 * * * x b"),
      id("0 1 * * * x a%in"),
      id("CRON_TZ=UTC\n0 1 * * * x a"),
      id("0 1 * * * root x a", { system: true }),
    ];
    expect(new Set([plain, ...others]).size).toBe(6);
  });

  it("number identical lines", () => {
    const [one, two, three] = entries("@daily x\n@daily x\n@hourly x\n@daily x").filter(
      ({ expr }) => expr === "@daily",
    );
    expect([two?.id, three?.id]).toEqual([`${one?.id}-2`, `${one?.id}-3`]);
  });

  it("stay the same whatever is inserted elsewhere", () => {
    const line = fc.constantFrom("# x", "", "A=1", "@daily other", "5 * * * * z", "# name: other\n@weekly w");
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.array(line, { maxLength: 8 }), (before, after) => {
        const named = new Set<string>();
        const unique = (text: string) => !text.startsWith("# name") || (!named.has(text) && named.add(text));
        const source = [...before, "0 3 * * * mine", ...after].filter(unique).join("\n");
        const mine = entries(source).find(({ command }) => command === "mine");
        expect(mine?.id).toBe(id("0 3 * * * mine"));
      }),
    );
  });
});

it("any text is read or refused with a CrontabError", () => {
  const piece = fc.oneof(
    fc.constantFrom("*", "@every", "%", "\\", "=", '"', "'", "\n", " ", "\t", "# name:", "CRON_TZ", "A", "5"),
    fc.string({ unit: "binary", maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.boolean(), (pieces, system) => {
      try {
        for (const entry of entries(pieces.join(""), { system })) expect(entry.command).not.toBe("");
      } catch (error) {
        expect(error).toBeInstanceOf(CrontabError);
      }
    }),
  );
});
