import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseCrontab } from "./crontab.js";

const fixtures = join(import.meta.dirname, "../../fixtures/debian");
const read = (name: string) => parseCrontab(readFileSync(join(fixtures, name)), { system: true, file: name });

describe("crontabs of Debian 12", () => {
  it("reads /etc/crontab: four entries of root under the file's SHELL and PATH", () => {
    const { entries } = read("crontab");
    expect(entries.map(({ expr, user }) => `${expr} ${user}`)).toEqual([
      "17 * * * * root",
      "25 6 * * * root",
      "47 6 * * 7 root",
      "52 6 1 * * root",
    ]);
    expect(entries[0]?.command).toBe("cd / && run-parts --report /etc/cron.hourly");
    expect(entries[0]?.env).toEqual({
      SHELL: "/bin/sh",
      PATH: "/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin",
    });
  });

  it("reads php's entry, with its padded columns", () => {
    const [entry, ...others] = read("php").entries;
    expect(others).toEqual([]);
    expect(entry?.expr).toBe("09,39 * * * *");
    expect(entry?.command).toMatch(/^\[ -x \/usr\/lib\/php\/sessionclean \] && if .*; fi$/);
  });

  it("reads certbot's entry and leaves the shell its backslash", () => {
    const [entry] = read("certbot").entries;
    expect(entry?.expr).toBe("0 */12 * * *");
    expect(entry?.command).toContain("-a \\! -d /run/systemd/system");
    expect(entry).not.toHaveProperty("stdin");
  });

  it("reads ntpsec's entry", () => {
    expect(read("ntpsec").entries).toHaveLength(1);
  });

  it("notes that the user column is kept and not obeyed, once a user", () => {
    expect(read("crontab").notes).toEqual([
      { code: "user-ignored", line: 18, message: 'commands of "root" run as the user that runs the node' },
    ]);
  });

  const more = process.env["ESCAPEMENT_DEBIAN_CRONTABS"] ?? "";
  it.skipIf(more === "")("reads every crontab in $ESCAPEMENT_DEBIAN_CRONTABS", () => {
    for (const name of readdirSync(more)) {
      const source = readFileSync(join(more, name));
      const active = source.toString().match(/^\s*[*@\d].*$/gm) ?? [];
      const { entries, notes } = parseCrontab(source, { system: true, file: name });
      const skipped = notes.filter(({ code }) => code === "reboot-skipped");
      expect(entries.length + skipped.length, name).toBe(active.length);
    }
  });
});
