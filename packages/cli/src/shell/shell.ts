import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import type { Readable } from "node:stream";
import { commandEnvironment } from "./shell-environment.js";
import { ShellError } from "./shell-error.js";
import { ProcessGroup } from "./shell-group.js";
import { OutputReader, OutputTail } from "./shell-output.js";
import { openStdio, type ShellStdio } from "./shell-stdio.js";

/** What to run, and within which bounds. */
export interface RunShellOptions {
  /** Handed to `<shell> -c`. */
  command: string;
  /** @default nothing to read: end of file at once */
  stdin?: string;
  /** Variables over a small environment like cron's (see commandEnvironment); the node's own are not handed down. */
  env?: NodeJS.ProcessEnv;
  /** @default `env.SHELL`, else /bin/sh */
  shell?: string;
  /** @default `env.HOME`, else the home of the user that runs the node, else / */
  cwd?: string;
  /** Aborting it ends the command and everything in its process group. */
  signal: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL. @default 5000 */
  killGraceMs?: number;
  /** Milliseconds that background processes get to end by themselves after the shell has. @default 1000 */
  lingerMs?: number;
  /** Bytes of output that are kept. @default 65536 (64 KiB) */
  maxOutputBytes?: number;
}

/** How a command ended. Failing is no error: look at `exitCode`. */
export interface ShellResult {
  /** Null if a signal ended the shell. */
  exitCode: number | null;
  /** Such as `"SIGKILL"`; null if the shell exited by itself. */
  signal: string | null;
  /** The end of stdout and stderr as they came, at most `maxOutputBytes` of UTF-8; what is not UTF-8 shows as U+FFFD. */
  output: string;
  /** Bytes of output before what `output` shows. */
  truncatedBytes: number;
  /** Milliseconds from the start until the last process of the group was gone. */
  durationMs: number;
  /** Whether background processes outlived the shell by more than `lingerMs` and were ended. */
  backgroundKilled: boolean;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs a command by a shell, in a process group of its own, and waits until the group is gone: the shell, its children,
 * and what it left in the background, which gets `lingerMs` and is then ended. Only a process that starts a session of
 * its own (`setsid`) outlives the run. If the node exits without aborting, what still runs is killed; if the node is
 * killed by SIGKILL, nobody is left to do so and the command goes on.
 *
 * @throws ShellError if the command could not be started
 * @throws RangeError if a number is out of bounds
 * @throws the signal's reason if it was aborted before the command started
 */
export async function runShell(options: RunShellOptions): Promise<ShellResult> {
  const killGraceMs = bounded("killGraceMs", options.killGraceMs ?? 5000, MAX_TIMER_MS);
  const lingerMs = bounded("lingerMs", options.lingerMs ?? 1000, MAX_TIMER_MS);
  const tail = new OutputTail(bounded("maxOutputBytes", options.maxOutputBytes ?? 65_536, 2 ** 30));
  options.signal.throwIfAborted();
  const connections = await openStdio(options.stdin);
  let command: RunningCommand;
  try {
    options.signal.throwIfAborted();
    command = await start(options, connections);
  } catch (error) {
    connections.output?.destroy();
    throw error;
  } finally {
    await connections.release();
  }
  const reader = new OutputReader(outputsOf(command.child, connections), tail);
  const backgroundKilled = await untilGone(command, options.signal, killGraceMs, lingerMs);
  const durationMs = performance.now() - command.startedAt;
  const { exitCode, signal } = await command.exit;
  await reader.finish();
  return { exitCode, signal, ...tail.text(), durationMs, backgroundKilled };
}

interface RunningCommand {
  child: ChildProcess;
  group: ProcessGroup;
  exit: Promise<{ exitCode: number | null; signal: string | null }>;
  startedAt: number;
}

function bounded(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new RangeError(`${name} must be a whole number from 0 to ${max}, not ${value}`);
}

/** @throws ShellError */
async function start(options: RunShellOptions, { stdio, writeStdin }: ShellStdio): Promise<RunningCommand> {
  const env = commandEnvironment(options.env);
  const shell = options.shell ?? options.env?.["SHELL"] ?? "/bin/sh";
  const cwd = options.cwd ?? env["HOME"] ?? "/";
  // A shell would take a command that begins with a dash for an option.
  const command = /^[-+]/.test(options.command) ? ` ${options.command}` : options.command;
  const startedAt = performance.now();
  try {
    const child = spawn(shell, ["-c", command], {
      cwd,
      env: { ...env, SHELL: shell },
      stdio,
      detached: true,
    });
    const watched = child.pid === undefined ? undefined : watch(child, child.pid);
    await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    if (!watched) throw new Error("the system gave it no process id");
    child.on("error", () => {});
    if (writeStdin) child.stdin?.on("error", () => {}).end(options.stdin);
    return { child, startedAt, ...watched };
  } catch (cause) {
    throw spawnError(cause, shell, cwd);
  }
}

function watch(child: ChildProcess, pid: number): Pick<RunningCommand, "exit" | "group"> {
  const group = new ProcessGroup(pid);
  const exit: RunningCommand["exit"] = new Promise((resolve) => {
    child.once("exit", (exitCode, signal) => {
      group.leaderExited();
      resolve({ exitCode, signal });
    });
  });
  return { group, exit };
}

/** The system says ENOENT both for the program and for the directory. */
function spawnError(cause: unknown, shell: string, cwd: string): ShellError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) {
    const message = `the working directory ${cwd} does not exist; create it, or set HOME to one that does`;
    return new ShellError("working-directory-not-found", message, { cause });
  }
  if (code === "ENOENT") {
    return new ShellError(
      "shell-not-found",
      `the shell ${shell} does not exist; set SHELL to one that does`,
      { cause },
    );
  }
  if (code === "EACCES" || code === "EPERM") {
    const message = `no permission to run the shell ${shell} in ${cwd}`;
    return new ShellError("not-permitted", message, { cause });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ShellError("spawn-failed", `the command could not be started: ${why}`, { cause });
}

function outputsOf(child: ChildProcess, { output }: ShellStdio): Readable[] {
  return [output, child.stdout, child.stderr].filter((stream) => stream !== undefined && stream !== null);
}

/** Waits for the shell or the abort, and sees the group off. @returns whether it had to end what outlived the shell */
async function untilGone(
  { exit, group }: RunningCommand,
  signal: AbortSignal,
  killGraceMs: number,
  lingerMs: number,
): Promise<boolean> {
  const finished = new AbortController();
  const aborted = once(signal, "abort", { signal: finished.signal }).catch(() => {});
  try {
    if (!signal.aborted) await Promise.race([exit, aborted]);
    if (!signal.aborted && (await group.waitUntilGone({ within: lingerMs, signal }))) return false;
    const background = !signal.aborted;
    await group.end(killGraceMs);
    return background;
  } finally {
    finished.abort();
  }
}
