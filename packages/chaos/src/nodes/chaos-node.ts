import { fileURLToPath } from "node:url";
import { eventually, processState, startProcess, type TestProcess } from "@escapement/testing";
import { type NodeConfig, nodeVariable } from "./node-config.js";

// The compiled program, also when this file itself is run from its source.
const program = fileURLToPath(new URL("../../dist/nodes/node-main.js", import.meta.url));

/** One node of a trial: a process, and what can happen to it. */
export interface ChaosNode {
  readonly name: string;
  /** Whether it has been neither killed nor stopped. */
  readonly alive: boolean;
  readonly frozen: boolean;
  /** Its standard error, for people. */
  readonly log: readonly string[];
  /** When its process was started, wall clock, ms. */
  readonly since: number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** The id of its process, also once that has ended. */
  readonly pid: number;
  /** How its process ended: a signal's name or an exit code. `undefined`: it has not. */
  readonly exit: string | undefined;
  /** Whether its process ended though nobody had asked it to. */
  readonly crashed: boolean;
  /** If it was told SIGTERM: when, by the wall clock, and for how long its process went on; ms. `undefined`: it was not, or has not ended. */
  readonly stopped: { readonly at: number; readonly took: number } | undefined;
  /** What its process does just now. */
  state(): Promise<"runs" | "stands" | "gone">;
  /** SIGSTOP. Resolves when it stands still. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
  /** Its event loop is to stand still for so many ms, doing nothing but look at the clock; it takes down how long that took. */
  block(ms: number): void;
  /** It is to take down what its wall clock says. */
  tellClock(): void;
  /** SIGUSR2: it is to deploy its jobs. */
  deploy(): void;
  /** SIGTERM, and SIGKILL should it not end within 20 s. */
  stop(): Promise<void>;
}

/** What a node's process is made of, other than its configuration. */
export interface NodeProcess {
  /** The program. @default this package's own */
  readonly program?: string;
  /** What runs it, such as a program and its arguments; Node and what it is to run are put behind them. @default nothing */
  readonly command?: readonly string[];
  /** Variables besides those that it gets anyway. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a node's process. Resolves when it runs, which is before it has joined. */
export async function startNode(config: NodeConfig, own: NodeProcess = {}): Promise<ChaosNode> {
  const [command, ...words] = [...(own.command ?? []), process.execPath, own.program ?? program];
  const process_ = await startProcess(command ?? process.execPath, words, {
    input: true,
    env: { ...own.env, [nodeVariable]: JSON.stringify(config), NODE_ENV: "production" },
  });
  return new ProcessNode(config.name, process_);
}

class ProcessNode implements ChaosNode {
  readonly name: string;
  readonly since = Date.now();
  readonly #process: TestProcess;
  alive = true;
  frozen = false;
  exit: string | undefined;
  crashed = false;
  stopped: ChaosNode["stopped"];
  #asked = false;

  constructor(name: string, started: TestProcess) {
    this.name = name;
    this.#process = started;
    void started.exited.then(({ code, signal }) => {
      this.crashed = !this.#asked;
      this.exit = signal ?? `exit code ${code}`;
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  state(): Promise<"runs" | "stands" | "gone"> {
    return processState(this.pid);
  }

  get log(): readonly string[] {
    return [...this.#process.lines, ...this.#process.errorLines];
  }

  async kill(): Promise<void> {
    this.#asked = true;
    this.alive = false;
    this.frozen = false;
    await this.#process.stop();
  }

  async freeze(): Promise<void> {
    this.frozen = true;
    this.#process.kill("SIGSTOP");
    await eventually(async () => (await this.state()) !== "runs", { every: 1 });
  }

  thaw(): void {
    this.frozen = false;
    this.#process.kill("SIGCONT");
  }

  block(ms: number): void {
    this.#process.tell(`block ${ms}`);
  }

  tellClock(): void {
    this.#process.tell("clock");
  }

  deploy(): void {
    this.#process.kill("SIGUSR2");
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    const isToEnd = this.exit === undefined;
    this.#asked = true;
    this.thaw();
    const [at, asked] = [Date.now(), performance.now()];
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 20_000);
    await this.#process.exited;
    clearTimeout(timer);
    if (isToEnd) this.stopped = { at, took: Math.round(performance.now() - asked) };
    this.alive = false;
  }
}
