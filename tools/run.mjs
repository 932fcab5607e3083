// Runs programs for the other tools: plain Node, nothing of it needs to be installed.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";

/** The repository's top folder. */
export const top = join(import.meta.dirname, "..");

// None of these may call home, and none may wait for an answer.
const quietTools = {
  CI: process.env.CI || "1",
  DO_NOT_TRACK: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  npm_config_update_notifier: "false",
};

/**
 * Runs a program in the top folder to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, show?: boolean }} [options] `show`: its output as it comes; else only if it fails
 * @returns {Promise<number>} its exit code, 128 and more for a signal as shells have it
 */
export function run(command, args, { env = process.env, show = true } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: top,
      env,
      stdio: show ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.once("error", (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(127);
    });
    child.once("close", (code, signal) => {
      if (code !== 0) process.stderr.write(output);
      resolve(code ?? 128 + (constants.signals[signal ?? "SIGTERM"] ?? 0));
    });
  });
}

/**
 * Runs pnpm, of the version that package.json names, from npm's cache or registry.
 *
 * @param {readonly string[]} args
 * @param {{ show?: boolean }} [options]
 */
export function pnpm(args, options) {
  const { packageManager } = JSON.parse(readFileSync(join(top, "package.json"), "utf8"));
  const env = { ...process.env, ...quietTools };
  return run("npx", ["--yes", "--prefer-offline", packageManager, ...args], { ...options, env });
}

/** A program that the installed packages brought. @param {string} name */
export function tool(name) {
  return join(top, "node_modules/.bin", name);
}
