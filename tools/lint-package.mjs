// Packs the package in the working directory as it would be published, and lets publint and attw look at it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tool } from "./run.mjs";

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function runOrExit(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status === 0) return;
  console.error(`${command} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
  process.exitCode = 1;
}

const folder = mkdtempSync(join(tmpdir(), "escapement-pack-"));
try {
  runOrExit("pnpm", ["pack", "--pack-destination", folder]);
  for (const file of readdirSync(folder)) {
    const archive = join(folder, file);
    runOrExit(tool("publint"), ["run", "--strict", archive]);
    runOrExit(tool("attw"), [archive, "--profile", "esm-only", "--format", "ascii", "--no-emoji"]);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
