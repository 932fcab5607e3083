import { EscapementError, type RedisSource, redactRedisUrl } from "@escapement/redis";
import { Connection, connect, kindOf } from "@escapement/redis/internal";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { ScriptCall } from "./script-call.js";

/** The state of one voter. */
export interface VoterStatus {
  /** `voter-1`, `voter-2`, … in the order in which they were given. */
  readonly name: string;
  /** Its address, without user and password. */
  readonly url: string;
  /** Whether there is a connection that works, as far as is known. */
  readonly up: boolean;
  /** What went wrong last, until it works again. */
  readonly lastError: Error | undefined;
}

/** How many releases are kept for a voter that cannot be reached. What is over that is left to expire. */
const mostDebts = 1000;

const removeIfOurs = `
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end`;

// GET alone, which a voter's user may do anyway.
const readValues = `
local values = {}
for i, key in ipairs(KEYS) do values[i] = redis.call('GET', key) end
return values`;

/** How many names one call asks for. */
const readAtOnce = 500;

/** One independent Redis master. */
export class Voter {
  readonly name: string;
  readonly url: string;
  readonly connection: Connection;
  readonly #own: boolean;
  /** Releases that did not reach it, by the locks' value. */
  readonly #debts = new Map<string, Set<string>>();
  readonly #onRestored = (): void => this.#payDebts();
  #lastError: Error | undefined;

  constructor(source: RedisSource | Connection, index: number, deadline: number) {
    this.name = `voter-${index + 1}`;
    assertServer(source, this.name);
    this.#own = !(source instanceof Connection);
    this.connection = source instanceof Connection ? source : connect(source, { profile: "lease", deadline });
    this.url = urlOf(source instanceof Connection ? source.client : source);
    this.connection.on("restored", this.#onRestored);
  }

  get status(): VoterStatus {
    const { isReady, lastError } = this.connection;
    return { name: this.name, url: this.url, up: isReady, lastError: lastError ?? this.#lastError };
  }

  /** Runs a script within `deadline` milliseconds. */
  async ask(call: ScriptCall, deadline: number): Promise<unknown> {
    try {
      const reply = await this.connection.run(`asking ${this.name}`, (client) => call.send(client), deadline);
      this.#lastError = undefined;
      return reply;
    } catch (error) {
      this.#lastError = error instanceof Error ? error : new Error(String(error));
      throw this.#lastError;
    }
  }

  /** What each of the keys holds; nothing: `null`. */
  async valuesOf(names: readonly string[], deadline: number): Promise<(string | null)[]> {
    const values: (string | null)[] = [];
    for (let from = 0; from < names.length; from += readAtOnce) {
      const some = names.slice(from, from + readAtOnce);
      values.push(
        ...((await this.ask(new ScriptCall(readValues, some.length, some), deadline)) as (string | null)[]),
      );
    }
    return values;
  }

  /** Remembers a release that did not reach this voter; it is made up for when there is a connection again (pitfall R4). */
  owe(names: readonly string[], value: string): void {
    const owed = this.#debts.get(value) ?? new Set();
    for (const name of names) owed.add(name);
    this.#debts.set(value, owed);
    const [oldest] = this.#debts.keys();
    if (this.#debts.size > mostDebts && oldest !== undefined) this.#debts.delete(oldest);
  }

  /** Forgets owed releases of what is now to be taken with the same value: paid later, they would release it. */
  forgive(names: readonly string[], value: string): void {
    const owed = this.#debts.get(value);
    if (owed === undefined) return;
    for (const name of names) owed.delete(name);
    if (owed.size === 0) this.#debts.delete(value);
  }

  close(): void {
    this.connection.off("restored", this.#onRestored);
    if (this.#own) this.connection.close();
  }

  #payDebts(): void {
    this.#lastError = undefined;
    for (const [value, owed] of this.#debts) {
      const names = [...owed];
      this.#debts.delete(value);
      const call = new ScriptCall(removeIfOurs, names.length, [...names, value]);
      this.ask(call, this.connection.deadline).catch(() => this.owe(names, value));
    }
  }
}

/** What fails over forgets locks that it has given, and then it is no vote that counts. */
function assertServer(source: RedisSource | Connection, name: string): void {
  const kind =
    source instanceof Connection ? (source.isCluster ? "cluster" : kindOf(source.client)) : kindOf(source);
  if (kind === "server") return;
  throw new EscapementError(
    "INVALID_OPTION",
    `${name} is a ${kind === "cluster" ? "Redis Cluster" : "master that fails over by Sentinel"}. ` +
      "A voter must be a single master that is independent of the others.",
  );
}

function urlOf(source: RedisSource): string {
  if (typeof source === "string") return redactRedisUrl(source);
  if (source instanceof Cluster) return "(a cluster)";
  const { host, port, path, tls }: RedisOptions = source instanceof Redis ? source.options : source;
  return path ?? `redis${tls === undefined ? "" : "s"}://${host ?? "localhost"}:${port ?? 6379}`;
}
