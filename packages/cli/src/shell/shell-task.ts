import { InvalidOptionError, type RunContext, type Scheduler, TaskFailure } from "@escapement/core";
import { runShell, type ShellResult } from "./shell.js";

/** The name of the task that runs commands. */
export const shellTask = "shell";

/**
 * What a node must let a result be, so that the promised last 64 KiB of output are always kept: as JSON a byte of output is six at
 * most (`\u0000`), and there is room for the rest.
 */
export const maxShellResult: number = 6 * 65_536 + 4096;

/** The input of the task `shell`. */
export interface ShellInput {
  /** Handed to `<shell> -c`. */
  readonly command: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** @default `env.SHELL`, else /bin/sh */
  readonly shell?: string;
  readonly cwd?: string;
  /** The user column of a system crontab, for display. */
  readonly user?: string;
}

const texts = ["command", "stdin", "shell", "cwd", "user"];

/** Checks an input when a job is defined, and again before it runs: other programs may have written it. */
function readShellInput(value: unknown): ShellInput {
  const { env = {}, ...rest } = Object(value) as Record<string, unknown>;
  if (rest["command"] === undefined || rest["command"] === "") throw refusal("input.command", "is missing.");
  for (const [name, part] of Object.entries(rest)) {
    if (!texts.includes(name)) throw refusal("input", `has ${JSON.stringify(name)}, which is no part of it.`);
    assertText(`input.${name}`, part);
  }
  if (env === null || typeof env !== "object" || Array.isArray(env))
    throw refusal("input.env", "must be an object of texts.");
  for (const [name, part] of Object.entries(env)) {
    assertText("input.env", name);
    assertText(`input.env.${name}`, part);
  }
  return value as ShellInput;
}

function assertText(path: string, value: unknown): void {
  if (typeof value !== "string") throw refusal(path, "must be a text.");
  if (value.includes("\0")) throw refusal(path, "must not hold a NUL character.");
}

function refusal(path: string, message: string): InvalidOptionError {
  return new InvalidOptionError(path, message, { code: "INVALID_INPUT" });
}

/**
 * Registers the task `shell`: it runs its input's command. Whether the exit code is 0 or not, the outcome is kept with the run; any
 * other exit code, and an end by a signal, fails the run.
 *
 * @param hurry aborted when running commands are to be ended although their runs' signals are not
 */
export function registerShellTask(scheduler: Scheduler, hurry: AbortSignal): void {
  const input = {
    "~standard": {
      version: 1,
      vendor: "escapement",
      validate: (value: unknown) => ({ value: readShellInput(value) }),
    },
  } as const;
  scheduler.task<ShellInput, ShellResult>(shellTask, { input }, async (run) => {
    const outcome = await runShell({ ...commandOf(run.input), signal: AbortSignal.any([run.signal, hurry]) });
    if (outcome.exitCode === 0 && !run.signal.aborted) return outcome;
    throw new TaskFailure(failureOf(outcome, run), { code: "COMMAND_FAILED", result: outcome });
  });
}

function commandOf({ user: _, ...command }: ShellInput): Omit<ShellInput, "user"> {
  return command;
}

function failureOf({ exitCode, signal }: ShellResult, run: RunContext<ShellInput>): string {
  const how = exitCode === null ? `was ended by ${signal}` : `ended with exit code ${exitCode}`;
  const { reason } = run.signal as { reason: unknown };
  return run.signal.aborted && reason instanceof Error
    ? `The command ${how}: ${reason.message}`
    : `The command ${how}.`;
}

/** Whether a run's result is the outcome of a command. */
export function isShellOutcome(result: unknown): result is ShellResult {
  const { output, exitCode, truncatedBytes } = Object(result) as Partial<ShellResult>;
  return (
    typeof output === "string" &&
    typeof truncatedBytes === "number" &&
    (exitCode === null || typeof exitCode === "number")
  );
}
