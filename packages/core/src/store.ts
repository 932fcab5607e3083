import { EventEmitter } from "node:events";
import { EscapementError, type RedisSource } from "@escapement/redis";
import { type Connection, connect, createKeys, type Keys, partitionOf } from "@escapement/redis/internal";
import type { Carrier } from "./carrier.js";
import { monotonic, StoreClock } from "./clock.js";
import { NumberedCalls } from "./numbered-calls.js";
import { type HistoryArgs, historyArgs, type Retention } from "./retention.js";

/** What every script that settles a namespace's layout is handed. */
interface Founding {
  /** Of the keys that this version writes. */
  readonly layout: number;
  readonly partitions: number;
}

/** What every script that tells events is handed. */
interface Told {
  readonly prefix: string;
  readonly events_max: number;
}

/** Keeps a process out of a namespace with another number of partitions than it is set to. */
export interface Guard {
  /** `false`: nobody has settled it yet. */
  known(): Promise<boolean>;
  /** Settles it, if it is not. */
  founded(): Promise<void>;
  /** A step that settles it was taken. */
  settle(): void;
}

/** Options of a {@link Store}. */
export interface StoreOptions {
  readonly redis: RedisSource;
  readonly namespace: string;
  /** Over how many partitions the namespace is spread. @default 1 */
  readonly partitions?: number;
  /** Which of them this is. @default 0 */
  readonly partition?: number;
  /** Those of all partitions, in order, once they are made. @default this one alone */
  readonly family?: readonly Store[];
  readonly retention: Retention;
  /** Entries kept of the stream of events; 0: none are written. @default 5000 */
  readonly events?: number;
  /** Milliseconds that a call may take. */
  readonly deadline: number;
  /** The same for calls that leases depend on. */
  readonly leaseDeadline: number;
  /** Who knows how many partitions the namespace has: asked before each command until it does. */
  readonly guard?: Guard;
  /** By which mark it is being moved, of whoever moves it. */
  readonly mover?: string;
}

/**
 * What is said on the wake channel: a run is due then, a job's next fire time is then, a node is to cancel runs, the leader of that term is to
 * let another lead, or a node left runs behind.
 */
export type WakeMessage =
  | { readonly run: number }
  | { readonly job: number }
  | { readonly cancelOn: string }
  | { readonly resign: number }
  | "nodes";

/** Answers of Redis by which it takes no writes at all: full, a replica, or unable to write its files. */
export type Refusal = "REDIS_FULL" | "REDIS_READONLY" | "MISCONF";

function refusalIn(error: unknown): Refusal | undefined {
  if (!(error instanceof EscapementError)) return undefined;
  const { code, cause } = error;
  if (code === "REDIS_FULL" || code === "REDIS_READONLY") return code;
  return cause instanceof Error && cause.message.includes("MISCONF") ? "MISCONF" : undefined;
}

/** The job store, or one partition of it: its keys, its connections (each opened when first needed) and what is known of its clock. */
export class Store extends EventEmitter<{ wake: [WakeMessage]; lost: []; restored: [] }> {
  readonly keys: Keys;
  readonly clock: StoreClock = new StoreClock();
  readonly retention: Retention;
  readonly namespace: string;
  readonly partitions: number;
  readonly partition: number;
  /** The stores of all partitions, in order: the first has what is said once of the whole. */
  readonly family: readonly Store[];
  /** For calls that are sent again until they are answered. */
  readonly calls: NumberedCalls;
  /** Of a namespace of several partitions: the stores of all of them, and what carries messages between them. */
  carrier: Carrier | undefined;
  readonly #options: StoreOptions;
  readonly #open = new Map<string, Connection>();
  readonly #readers = new Set<Connection>();
  #closed = false;
  #generation = 0;
  #refusal: Refusal | undefined;
  #history: (HistoryArgs & Told) | undefined;

  constructor(options: StoreOptions) {
    super();
    this.#options = options;
    this.namespace = options.namespace;
    this.partitions = options.partitions ?? 1;
    this.partition = options.partition ?? 0;
    this.family = options.family ?? [this];
    this.retention = options.retention;
    this.keys = createKeys(options.namespace, this.partition);
    this.calls = new NumberedCalls(this.keys, options.deadline);
    this.setMaxListeners(0);
  }

  /** The store of the partition in which a job lives. */
  of(job: string): Store {
    return this.carrier?.stores[partitionOf(job, this.partitions)] ?? this;
  }

  /** For reads and for writes that may wait for a connection. */
  get commands(): Connection {
    return this.#connection("commands");
  }

  /** Of partition 0: this one itself where there is no other. */
  get home(): Store {
    return this.family[0] ?? this;
  }

  /** For leases: what must be known now or not at all. */
  get lease(): Connection {
    return this.#connection("lease");
  }

  /** For what is published. */
  get subscriber(): Connection {
    return this.#connection("subscriber");
  }

  /** What every script that writes history is handed. */
  get history(): HistoryArgs & Told {
    this.#history ??= { ...this.told, ...historyArgs(this.retention) };
    return this.#history;
  }

  /** The layout of keys that this version writes, and over how many partitions. */
  get founding(): Founding {
    return { layout: 1, partitions: this.partitions };
  }

  /** What every script that tells events is handed. */
  get told(): Told {
    return { prefix: this.keys.prefix, events_max: this.#options.events ?? 5000 };
  }

  /** Of whoever moves the namespace to another number of partitions: the mark by which; else empty. */
  get mover(): string {
    return this.#options.mover ?? "";
  }

  /** The same partition, asked although the namespace may have another number of them: for whoever says so. To be closed by the caller. */
  unguarded(): Store {
    const { guard: _, ...options } = this.#options;
    return new Store(options);
  }

  /** Settles the number of partitions, if it is not: to be waited for before something is written in another one than the first. */
  async founded(): Promise<void> {
    await this.#options.guard?.founded();
  }

  /** A step was taken here that settles the number of partitions, if it is not. */
  settled(): void {
    this.#options.guard?.settle();
  }

  /** A connection of its own, for a reader that blocks. Closed with the store, if it is not handed back before. */
  openReader(): Connection {
    const { redis, deadline } = this.#options;
    const connection = connect(redis, { profile: "commands", deadline, key: this.keys.clock });
    this.#readers.add(connection);
    if (this.#closed) connection.close();
    return connection;
  }

  closeReader(connection: Connection): void {
    this.#readers.delete(connection);
    connection.close();
  }

  /** Whether it has been closed. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Milliseconds that a caller waits for the store. */
  get deadline(): number {
    return this.#options.deadline;
  }

  /** Why the store refused the last step that writes; `undefined` once one was taken again. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Whether the connections that work cannot go on without can be used, as far as they have been opened. */
  get isConnected(): boolean {
    return (["commands", "lease"] as const).every((profile) => this.#open.get(profile)?.isReady !== false);
  }

  /** Runs `call`, a step that writes, and learns Redis' time from what `timeOf` finds in its answer. */
  async timed<R>(call: () => Promise<R>, timeOf: (reply: R) => string): Promise<R> {
    const reply = await this.timedWhenFull(call, timeOf);
    this.#refusal = undefined;
    return reply;
  }

  /** The same of a step that is taken in a full store too: it does not show that others are. */
  async timedWhenFull<R>(call: () => Promise<R>, timeOf: (reply: R) => string): Promise<R> {
    const sentAt = monotonic();
    const reply = await call().catch((error: unknown) => {
      this.#refusal = refusalIn(error) ?? this.#refusal;
      throw error;
    });
    if (this.#refusal !== "REDIS_FULL") this.#refusal = undefined;
    this.clock.observe(Number(timeOf(reply)), sentAt, monotonic());
    return reply;
  }

  /** Redis' time in ms, by asking. Not below what scripts have seen. */
  async now(connection: Connection = this.commands): Promise<number> {
    const sentAt = monotonic();
    const [time, seen] = await connection.run("reading the time", (client) =>
      Promise.all([client.time(), client.get(this.keys.clock)]),
    );
    const now = Math.max(Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000), Number(seen ?? 0));
    this.clock.observe(now, sentAt, monotonic());
    return now;
  }

  /** Redis' time in ms, by what is known of its clock; by asking only if nothing is. */
  async nearlyNow(): Promise<number> {
    return this.clock.isKnown ? this.clock.now() : this.now();
  }

  /**
   * Counts the connections for leases that there were. Behind a new one the store may have gone back, and a version that was seen may be given
   * again to something else: whatever is known by versions is to be read anew.
   */
  get generation(): number {
    return this.#generation;
  }

  /** Starts to listen on the wake channel; emits `wake` from then on. */
  listen(): void {
    const { subscriber } = this;
    subscriber.client.on("message", (channel: string, text: string) => {
      const message = channel === this.keys.wake ? parseWake(text) : undefined;
      if (message !== undefined) this.emit("wake", message);
    });
    // What was published before is lost: whoever listens has to look for itself once.
    const lookNow = (): void => {
      for (const message of [{ run: 0 }, { job: 0 }, "nodes"] as const) this.emit("wake", message);
    };
    const subscribe = (): void => {
      subscriber.client.subscribe(this.keys.wake).then(lookNow, () => undefined);
    };
    subscriber.on("restored", subscribe);
    if (subscriber.isReady) subscribe();
    for (const other of [this.commands, this.lease]) subscriber.checkWith(other);
    this.commands.on("lost", () => this.emit("lost"));
    this.commands.on("restored", () => this.emit("restored"));
  }

  close(): void {
    this.#closed = true;
    for (const connection of [...this.#open.values(), ...this.#readers]) connection.close();
    this.removeAllListeners();
  }

  #connection(profile: "commands" | "lease" | "subscriber"): Connection {
    const { guard } = this.#options;
    let connection = this.#open.get(profile);
    if (connection === undefined) {
      connection = connect(this.#options.redis, {
        profile,
        key: this.keys.clock,
        deadline: profile === "lease" ? this.#options.leaseDeadline : this.#options.deadline,
        ...(profile === "commands" && guard !== undefined && { first: () => guard.known() }),
      });
      this.#open.set(profile, connection);
      if (profile === "lease")
        connection.on("restored", () => {
          this.#generation += 1;
        });
      if (this.#closed) connection.close(); // so that a late call fails, and nothing is left open
    }
    return connection;
  }
}

function parseWake(text: string): WakeMessage | undefined {
  if (text === "nodes") return "nodes";
  if (text.startsWith("cancel ")) return { cancelOn: text.slice(7) };
  if (text.startsWith("resign ")) return { resign: Number(text.slice(7)) };
  const time = Number(text.startsWith("jobs ") ? text.slice(5) : text);
  if (!Number.isFinite(time)) return undefined;
  return text.startsWith("jobs ") ? { job: time } : { run: time };
}
