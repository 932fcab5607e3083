// Types lines in a terminal: `script` of util-linux gives each a pseudo-terminal of its own. Every Debian has it, also in CI, which
// need not have tmux; and one way that always works is one page that is always the same.
import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";

export const columns = 80;

/**
 * Starts a line in a terminal.
 *
 * @param {string} line
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 */
export function typeLine(line, { cwd, env }) {
  const child = spawn("script", ["-qec", `stty cols ${columns} rows 60; ${line}`, "/dev/null"], {
    cwd,
    env: { ...env, SHELL: "/bin/sh", TERM: "xterm" },
    stdio: ["pipe", "pipe", "inherit"],
  });
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
    /** Whether it was coloured, as it must be at a terminal. */
    coloured: () => raw.includes("\u001b["),
    /** Presses Ctrl-C. */
    interrupt: () => child.stdin.write("\u0003"),
    kill: () => child.kill("SIGKILL"),
  };
}

/** @param {string} raw */
function withoutColours(raw) {
  return stripVTControlCharacters(raw).replaceAll("\r\n", "\n");
}
