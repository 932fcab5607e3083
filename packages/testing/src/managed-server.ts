import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Redis, RedisOptions } from "ioredis";
import { type Clients, checkAnswers, trackClients } from "./clients.js";
import { filesFrom } from "./data-files.js";
import { TestingError } from "./errors.js";
import { eventually } from "./eventually.js";
import { guardedFolder } from "./guard.js";
import type { StartRedisOptions } from "./redis-options.js";
import type { RedisServer } from "./redis-server.js";
import type { RedisWay } from "./redis-way.js";

/** The signals that faults are made of. */
export type MachineSignal = "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM";

/** What runs a server: the part in which a child process and a container differ. */
export interface Machine {
  readonly way: RedisWay;
  readonly url: string;
  readonly port: number;
  /** What it was started with. */
  readonly options: StartRedisOptions;
  /** Whether the data is wanted after `remove()`. */
  readonly keepsData: boolean;
  /** The process that runs now, where it can be known. */
  readonly pid: number | undefined;
  /** Starts the server on its data; resolves before it answers. */
  start(): Promise<void>;
  /** Whether the server has been started and has not ended. */
  running(): Promise<boolean>;
  /** Sends a signal. SIGSTOP resolves when it took effect; nothing happens if the server does not run. */
  signal(signal: MachineSignal): Promise<void>;
  /** Why the server ended or does not answer: the end of its log. */
  explain(): Promise<string>;
  /** The snapshot file as it is. */
  readRdb(): Promise<Buffer>;
  /** Replaces the data files of a server that does not run. Paths are relative to the data folder. */
  replaceData(files: Map<string, Buffer>): Promise<void>;
  /** Ends the server at once and removes what it left behind. */
  remove(): Promise<void>;
}

/** Builds the server's faults on the machine that runs it. */
export class ManagedServer implements RedisServer {
  readonly #machine: Machine;
  readonly #within: number;
  readonly #clients: Clients;

  readonly #base: RedisOptions;

  constructor(machine: Machine) {
    this.#machine = machine;
    const { within = 15_000, tls } = machine.options;
    this.#within = within;
    this.#base = tls === undefined ? {} : { tls: { ca: tls.ca } };
    this.#clients = trackClients(machine.url, this.#base);
  }

  get way(): RedisWay {
    return this.#machine.way;
  }

  get url(): string {
    return this.#machine.url;
  }

  get port(): number {
    return this.#machine.port;
  }

  get pid(): number | undefined {
    return this.#machine.pid;
  }

  get ca(): string | undefined {
    return this.#machine.options.tls?.ca;
  }

  urlAs(user: string): string {
    const { users = [] } = this.#machine.options;
    const found = users.find(({ name }) => name === user);
    if (found === undefined) throw new TestingError("INVALID", `The server has no user ${user}`);
    const url = new URL(this.url);
    url.username = encodeURIComponent(found.name);
    url.password = encodeURIComponent(found.password);
    return url.href;
  }

  get servers(): readonly [RedisServer] {
    return [this];
  }

  async masterOf(): Promise<RedisServer> {
    return this;
  }

  client(options?: RedisOptions): Redis {
    return this.#clients.open(options);
  }

  async kill(): Promise<void> {
    await this.#machine.signal("SIGKILL");
    await this.#ended(10_000);
  }

  async freeze(): Promise<void> {
    await this.#machine.signal("SIGSTOP");
  }

  async thaw(): Promise<void> {
    await this.#machine.signal("SIGCONT");
  }

  async shutdown(): Promise<void> {
    await this.#machine.signal("SIGCONT");
    await this.#machine.signal("SIGTERM");
    await this.#ended(10_000).catch(() => this.kill());
  }

  async restart(): Promise<void> {
    if (await this.#machine.running()) await this.shutdown();
    await this.start();
  }

  /** Starts the server and waits until it answers. */
  async start(): Promise<void> {
    await this.#machine.start();
    const dead = new AbortController();
    const answers = async (): Promise<void> => {
      if (!(await this.#machine.running())) dead.abort(new Error("it ended"));
      await checkAnswers(this.url, this.pid, this.#base);
    };
    try {
      await eventually(answers, { within: this.#within, every: 10, signal: dead.signal });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const log = await this.#machine.explain();
      throw new TestingError("START_FAILED", `Redis did not answer at port ${this.port}: ${reason}\n${log}`, {
        cause,
      });
    }
  }

  async save(): Promise<string> {
    const admin = this.client();
    // SAVE is refused while a background save or a rewrite of the append-only file runs.
    await eventually(() => admin.save(), { within: 10_000 });
    admin.disconnect();
    const file = join(await guardedFolder("rdb"), "dump.rdb");
    await writeFile(file, await this.#machine.readRdb());
    return file;
  }

  async restore(rdb: string): Promise<void> {
    const data = await readFile(rdb);
    await this.kill();
    await this.#machine.replaceData(filesFrom(data));
    await this.start();
  }

  async stop(): Promise<void> {
    this.#clients.close();
    if (this.#machine.keepsData) await this.shutdown();
    await this.#machine.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #ended(within: number): Promise<void> {
    await eventually(async () => !(await this.#machine.running()), { within, every: 5 });
  }
}
