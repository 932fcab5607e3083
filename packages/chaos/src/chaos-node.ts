import { fileURLToPath } from "node:url";
import { startProcess, type TestProcess } from "@escapement/testing";
import { type NodeConfig, nodeVariable } from "./node-config.js";

// The compiled program, also when this file itself is run from its source.
const program = fileURLToPath(new URL("../dist/node-main.js", import.meta.url));

/** One node of a trial: a process, and what can happen to it. */
export interface ChaosNode {
  readonly name: string;
  /** Whether it has been neither killed nor stopped. */
  readonly alive: boolean;
  readonly frozen: boolean;
  /** Its standard error, for people. */
  readonly log: readonly string[];
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** SIGUSR2: it is to deploy its jobs. */
  deploy(): void;
  /** SIGTERM, and SIGKILL should it not end within 20 s. */
  stop(): Promise<void>;
}

/** Starts a node's process. Resolves when it runs, which is before it has joined. */
export async function startNode(config: NodeConfig): Promise<ChaosNode> {
  const process_ = await startProcess(process.execPath, [program], {
    env: { [nodeVariable]: JSON.stringify(config), NODE_ENV: "production" },
  });
  return new ProcessNode(config.name, process_);
}

class ProcessNode implements ChaosNode {
  readonly name: string;
  readonly #process: TestProcess;
  alive = true;
  frozen = false;

  constructor(name: string, started: TestProcess) {
    this.name = name;
    this.#process = started;
  }

  get log(): readonly string[] {
    return [...this.#process.lines, ...this.#process.errorLines];
  }

  async kill(): Promise<void> {
    this.alive = false;
    this.frozen = false;
    await this.#process.stop();
  }

  freeze(): void {
    this.frozen = true;
    this.#process.kill("SIGSTOP");
  }

  thaw(): void {
    this.frozen = false;
    this.#process.kill("SIGCONT");
  }

  deploy(): void {
    this.#process.kill("SIGUSR2");
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    this.thaw();
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 20_000);
    await this.#process.exited;
    clearTimeout(timer);
    this.alive = false;
  }
}
