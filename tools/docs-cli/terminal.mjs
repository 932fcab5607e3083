// Types lines in a terminal: `script` of util-linux gives each a pseudo-terminal of its own. Every Debian has it, also in CI, which
// need not have tmux; and one way that always works is one page that is always the same.
import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";

export const columns = 80;

/** @type {Set<import("node:child_process").ChildProcess>} */
const open = new Set();
process.once("exit", () => {
  for (const child of open) child.kill();
});
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));

/**
 * Starts a line in a terminal.
 *
 * @param {string} line
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 */
export function typeLine(line, { cwd, env }) {
  const child = spawn(
    "timeout",
    ["900", "script", "-qec", `stty cols ${columns} rows 60; ${line}`, "/dev/null"],
    {
      cwd,
      env: { ...env, SHELL: "/bin/sh", TERM: "xterm" },
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  // Whatever becomes of us, nothing that was typed stays for longer than the 900 s.
  open.add(child);
  child.once("close", () => open.delete(child));
  let raw = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    raw += text;
  });
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  return {
    /** Resolves with the exit code. */
    ended,
    /** What the screen shows so far, without colours. */
    screen: () => withoutColours(raw),
    /** Presses Ctrl-C. */
    interrupt: () => child.stdin.write("\u0003"),
    kill: () => child.kill("SIGKILL"),
  };
}

/** @param {string} raw */
function withoutColours(raw) {
  return stripVTControlCharacters(raw).replaceAll("\r\n", "\n");
}
