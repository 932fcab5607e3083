import { describe, expect, it } from "vitest";
import { parseCrontab } from "./crontab.js";
import { CrontabError } from "./crontab-error.js";
import type { ParseCrontabOptions } from "./crontab-types.js";

function refusal(source: string | Uint8Array, options?: ParseCrontabOptions): CrontabError {
  try {
    parseCrontab(source, options);
  } catch (error) {
    if (error instanceof CrontabError) return error;
    throw error;
  }
  throw new Error("was not refused");
}

const place = ({ line, column, code }: { line: number; column: number; code: string }) =>
  `${line}:${column} ${code}`;

describe("a refused crontab", () => {
  it.each([
    ["* * * *", "1:8 missing-fields"],
    ["@every", "1:7 missing-fields"],
    ["* * * * *  ", "1:12 missing-command"],
    ["* * * * * %in", "1:11 missing-command"],
    ["\n  @Daily x", "2:3 unknown-nickname"],
    ["A='b", "1:3 unterminated-quote"],
    ['A="b" c', "1:7 invalid-variable"],
    ["A-B=c", "1:1 invalid-variable"],
    ['"ä 𝕏" = c', "1:1 invalid-variable"],
    ["ESCAPEMENT_SECONDS=true", "1:20 invalid-setting"],
    ["CRON_TZ=Mars/Base", "1:9 invalid-timezone"],
    ["CRON_TZ=UTC 0 1 * * * x", "1:9 invalid-timezone"],
    ["# name: a b\n@daily x", "1:9 invalid-name"],
    [`# name: ${"a".repeat(121)}\n@daily x`, "1:9 invalid-name"],
    ["# name: a\n@daily x\n# name: a\n@daily y", "3:9 duplicate-name"],
    ["# ä𝕏\u0000", "1:5 control-character"],
    ["* * * * * a\rb", "1:12 control-character"],
    ["# \uD800", "1:3 invalid-encoding"],
    [`# ${"x".repeat(4095)}`, "1:4097 line-too-long"],
  ])("%j: %s", (source, expected) => {
    expect(place(refusal(source))).toBe(expected);
  });

  it.each([
    ["* * * * *", "1:10 missing-user"],
    ["* * * * * /bin/true", "1:11 invalid-user"],
    ["* * * * * root", "1:15 missing-command"],
  ])("with a user column, %j: %s", (source, expected) => {
    expect(place(refusal(source, { system: true }))).toBe(expected);
  });

  it("takes lines of 4096 characters and names of 120", () => {
    expect(
      parseCrontab(`# name: ${"a".repeat(120)}\n@daily ${"x".repeat(4089)}`).entries[0]?.id,
    ).toHaveLength(128);
  });

  it("is refused if its bytes are not UTF-8, at the byte", () => {
    expect(place(refusal(Buffer.from("# ok\n# \xe4\n", "latin1")))).toBe("2:3 invalid-encoding");
  });

  it("is refused over 1 MiB without looking at its lines", () => {
    expect(place(refusal("\u0000".repeat(1024 * 1024 + 1)))).toBe("1:1 file-too-large");
    expect(parseCrontab("#\n".repeat(512 * 1024)).entries).toEqual([]);
  });

  it("is refused beyond 10,000 entries or 128 variables", () => {
    expect(place(refusal("@daily x\n".repeat(10_001)))).toBe("10001:1 too-many-entries");
    const variables = Array.from({ length: 129 }, (_, index) => `V${index}=1\n`).join("");
    expect(place(refusal(variables))).toBe("129:1 too-many-variables");
  });

  it("is read in reasonable time however hostile its blanks are", () => {
    const line = `* * * * * x${" ".repeat(4000)}y\nA=b${" ".repeat(4000)}c\n# name:${" ".repeat(4000)}d\n\n`;
    const started = performance.now();
    expect(parseCrontab(line.repeat(80)).entries).toHaveLength(80);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("names file, line and column, says what would be right, and lists every problem", () => {
    const error = refusal("* * * *\nA='\n@daily fine\n@often x\n", { file: "/etc/cron.d/mine" });
    expect(error).toMatchObject({ code: "missing-fields", file: "/etc/cron.d/mine", line: 1, column: 8 });
    expect(error.errors.map(place)).toEqual([
      "1:8 missing-fields",
      "2:3 unterminated-quote",
      "4:1 unknown-nickname",
    ]);
    expect(error.message).toContain(
      "/etc/cron.d/mine:1:8: the day of week field is missing; a line begins with 5 fields",
    );
    expect(error.message.split("\n")).toHaveLength(3);
  });

  it("lists at most 1000 problems and shows 20 of them", () => {
    const error = refusal("x\n".repeat(2000));
    expect(error.errors).toHaveLength(1000);
    expect(error.message).toMatch(/… and 980 more$/);
  });
});

describe("an expression's validator", () => {
  it("gets each expression with its zone and whether it has seconds", () => {
    const seen: unknown[] = [];
    const source = "1 * * * * x\nESCAPEMENT_SECONDS=yes\nCRON_TZ=UTC\n2 * * * * * x\n@every 10s x\n@reboot x";
    parseCrontab(source, { validate: (...given) => seen.push(given) });
    expect(seen).toEqual([
      ["1 * * * *", { seconds: false }],
      ["2 * * * * *", { seconds: true, timezone: "UTC" }],
      ["@every 10s", { seconds: false, timezone: "UTC" }],
    ]);
  });

  it.each([
    [{}, "2:2"],
    [{ position: 0 }, "2:2"],
    [{ position: 2 }, "2:5"],
    [{ position: 4 }, "2:7"],
    [{ field: 2 }, "2:10"],
    [{ field: "hour" }, "2:5"],
    [{ field: "dayOfMonth" }, "2:10"],
    [{ field: "day-of-week" }, "2:16"],
    [{ field: "expr" }, "2:2"],
    [{ value: "61" }, "2:6"],
    [{ value: '"161"' }, "2:5"],
  ])("has its refusal put at the place that %j means", (details, expected) => {
    const thrown = Object.assign(new Error("say 0–23"), details);
    const validate = () => {
      throw thrown;
    };
    const error = refusal("# x\n 0  161  *  *\t\t* x", { validate });
    expect(`${error.line}:${error.column}`).toBe(expected);
    expect(error).toMatchObject({ code: "invalid-expression", cause: thrown });
    expect(error.message).toContain("say 0–23");
  });

  it("has its refusal explained where six fields were asked for further up", () => {
    const validate = () => {
      throw new Error("no");
    };
    const error = refusal("ESCAPEMENT_SECONDS=yes\n\n* * * * * date", { validate });
    expect(place(error)).toBe("3:1 invalid-expression");
    expect(error.message).toContain("ESCAPEMENT_SECONDS=yes on line 1");
  });
});
