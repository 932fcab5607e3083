import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { TestingError } from "./errors.js";
import { signalGroup, spawnGuarded } from "./guard.js";

/** What a process is started with. */
export interface StartProcessOptions {
  /** Variables on top of this process's own; `undefined` takes one away. */
  env?: Readonly<Record<string, string | undefined>>;
  /**
   * The working folder.
   * @default this process's own
   */
  cwd?: string;
  /**
   * Whether it is to be told lines, by `tell()`.
   * @default false
   */
  input?: boolean;
}

/** How a process ended: by exit code or by signal, the other one is null. */
export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A child process whose output is read line by line. It never outlives the process that started it. */
export interface TestProcess {
  readonly pid: number;
  /** The lines of its standard output so far. */
  readonly lines: readonly string[];
  /** The lines of its standard error so far. */
  readonly errorLines: readonly string[];
  /** Resolves, never rejects, when it has ended and all its output has been read. */
  readonly exited: Promise<ProcessExit>;
  /**
   * The first line of either output that matches, also one that came before the call.
   *
   * @param within the deadline, in milliseconds; 10000 if left out
   * @throws TestingError `DEADLINE`, or `ENDED` if the process ended without such a line; both show the last output
   */
  waitForLine(pattern: RegExp, within?: number): Promise<string>;
  /** Writes a line to its standard input; nothing happens if it has none, or has ended. */
  tell(line: string): void;
  /** Sends a signal to the process alone, SIGKILL if none is named; nothing happens if it has ended. */
  kill(signal?: NodeJS.Signals): void;
  /** Kills it and its children, if it has not ended, and waits for the end. */
  stop(): Promise<ProcessExit>;
  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a program, such as `process.execPath` with a script, and resolves when it runs.
 *
 * @throws TestingError `START_FAILED` if it cannot be run
 */
export async function startProcess(
  command: string,
  args: readonly string[] = [],
  options: StartProcessOptions = {},
): Promise<TestProcess> {
  const { child, pid } = await spawnGuarded(command, args, {
    stdio: [options.input ? "pipe" : "ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
  });
  return new LineProcess(child, pid, [command, ...args].join(" "));
}

class LineProcess implements TestProcess {
  readonly pid: number;
  readonly lines: string[] = [];
  readonly errorLines: string[] = [];
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #waiting = new Set<(line: string) => void>();

  constructor(child: ChildProcess, pid: number, title: string) {
    this.#child = child;
    this.pid = pid;
    this.#title = title;
    child.stdin?.on("error", () => undefined); // it has ended
    this.#collect(child.stdout, this.lines);
    this.#collect(child.stderr, this.errorLines);
    this.exited = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
  }

  async waitForLine(pattern: RegExp, within: number = 10_000): Promise<string> {
    const matches = (line: string): boolean => line.search(pattern) >= 0;
    const seen = this.lines.find(matches) ?? this.errorLines.find(matches);
    if (seen !== undefined) return seen;
    return new Promise((resolve, reject) => {
      const done = (finish: () => void): void => {
        clearTimeout(deadline);
        this.#waiting.delete(onLine);
        finish();
      };
      const onLine = (line: string): void => {
        if (matches(line)) done(() => resolve(line));
      };
      const deadline = setTimeout(() => {
        done(() =>
          reject(this.#missed("DEADLINE", `printed no line that matches ${pattern} within ${within} ms`)),
        );
      }, within);
      this.#waiting.add(onLine);
      void this.exited.then(({ code, signal }) => {
        done(() =>
          reject(this.#missed("ENDED", `ended (${signal ?? code}) without a line that matches ${pattern}`)),
        );
      });
    });
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<ProcessExit> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) signalGroup(this.pid, "SIGKILL");
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #collect(stream: NodeJS.ReadableStream | null, lines: string[]): void {
    if (!stream) return;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const onLine of [...this.#waiting]) onLine(line);
    });
  }

  #missed(code: "DEADLINE" | "ENDED", what: string): TestingError {
    const last = [...this.lines.slice(-10), ...this.errorLines.slice(-10)].join("\n");
    return new TestingError(code, `${this.#title} ${what}. Its last output:\n${last}`);
  }
}
