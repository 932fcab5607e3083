import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const program = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "escapement-verdict-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a run that comes to no verdict says why, exits with 1, and leaves no report of before", () => {
  const report = join(folder, "report.json");
  writeFileSync(report, '{"valid":true}');
  const nothing = join(folder, "nothing");
  const { status, stderr } = spawnSync(process.execPath, [program, "--judge", nothing, "--json", report], {
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(stderr).toContain("came to no verdict");
  expect(JSON.parse(readFileSync(report, "utf8"))).toMatchObject({ valid: false });
});
