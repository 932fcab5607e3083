import { type ChildProcess, fork } from "node:child_process";
import { join, sep } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Answer, Instructions, Order, Report, Use } from "./worker-messages.js";

// Tests run on the sources; processes of their own run what the build has made of them.
const program = join(import.meta.dirname.replace(`${sep}src${sep}`, `${sep}dist${sep}`), "worker-main.js");
const deadline = 60_000; // ms

/** A process that works for one contestant, so that measuring costs it nothing. It ends when the one that started it does. */
export class WorkerProcess {
  /** How many of its handlers were called, as of a few milliseconds ago. */
  count = 0;
  readonly #child: ChildProcess;
  readonly #answers: Answer[] = [];
  #ended = false;

  private constructor(instructions: Instructions) {
    this.#child = fork(program, [JSON.stringify(instructions)], { serialization: "advanced" });
    this.#child.on("message", (answer: Answer) => {
      if (answer.kind === "count") this.count = answer.count;
      else this.#answers.push(answer);
    });
    this.#child.once("exit", () => {
      this.#ended = true;
    });
  }

  /** Starts a process; resolves when all is loaded and it can begin. */
  static async start(instructions: Instructions): Promise<WorkerProcess> {
    const worker = new WorkerProcess(instructions);
    await worker.#answer("ready");
    return worker;
  }

  /** Resolves when it works. */
  async begin(): Promise<void> {
    await this.#ask("begin", "begun");
  }

  /** Resolves when it watches its event loop. */
  async watch(): Promise<void> {
    await this.#ask("watch", "watching");
  }

  async use(): Promise<Use> {
    return (await this.#ask("use", "use")).use;
  }

  /** Stops the work, and then the process. */
  async stop(): Promise<Report> {
    const { report } = await this.#ask("stop", "report");
    this.kill();
    return report;
  }

  kill(): void {
    if (!this.#ended) this.#child.kill("SIGKILL");
  }

  async #ask<K extends Answer["kind"]>(order: Order, kind: K): Promise<Extract<Answer, { kind: K }>> {
    this.#child.send(order);
    return this.#answer(kind);
  }

  async #answer<K extends Answer["kind"]>(kind: K): Promise<Extract<Answer, { kind: K }>> {
    const until = performance.now() + deadline;
    for (;;) {
      const failed = this.#answers.find((answer) => answer.kind === "failed");
      if (failed !== undefined) throw new Error(`A worker process failed: ${failed.reason}`);
      if (this.#ended) throw new Error("A worker process ended by itself");
      const index = this.#answers.findIndex((answer) => answer.kind === kind);
      if (index >= 0) return this.#answers.splice(index, 1)[0] as Extract<Answer, { kind: K }>;
      if (performance.now() > until) throw new Error(`A worker process did not answer “${kind}”`);
      await pause(1);
    }
  }
}
