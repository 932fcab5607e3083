import { EventEmitter } from "node:events";
import type { Redis } from "ioredis";
import {
  ConnectionClosedError,
  type EscapementError,
  RedisError,
  toRedisError,
  withoutArguments,
} from "./errors.js";
import { openClient, reconnectDelay } from "./open-client.js";
import { type Placed, PlaceList } from "./place-list.js";
import { isOfSlot } from "./slot-connector.js";
import type { RedisSource } from "./source.js";

/** The client of a connection. Also of a cluster it is one to one server: the master of the connection's slot. */
export type RedisClient = Redis;

/**
 * What a connection is for.
 *
 * - `commands`: reads and writes. While there is no connection, a bounded number of calls waits for one.
 * - `lease`: what must be known now or not at all. Never waits for a connection.
 * - `subscriber`: receives published messages; whoever subscribes does so again at each `restored`.
 */
export type ConnectionProfile = "commands" | "lease" | "subscriber";

/** Options of {@link connect}. */
export interface ConnectOptions {
  readonly profile: ConnectionProfile;
  /** Milliseconds after which a call without a reply is given up as `REDIS_TIMEOUT`. @default 5000 */
  readonly deadline?: number;
  /** How many calls may wait for a connection at once; more are refused. @default 1000 */
  readonly maxWaiting?: number;
  /** Any key of the slot that the connection is for; a cluster needs it, and all keys of it must lie in that slot. */
  readonly key?: string;
  /** What is asked before each call until it answers `true`: what it rejects with, the call does, and nothing of that is sent. */
  readonly first?: () => Promise<boolean>;
}

/** A call that waits for a reply. */
interface Call extends Placed {
  /** It will have none. */
  end: () => void;
}

/**
 * One connection with a deadline on every call. Of a cluster it is to the master of one slot, whichever server that is.
 *
 * Emits `lost` when the connection breaks, `restored` when it is usable again, and `error` never: what goes wrong reaches
 * the caller of {@link Connection.run}, and {@link Connection.lastError} tells the rest.
 */
export class Connection extends EventEmitter<{ lost: [Error | undefined]; restored: [] }> {
  readonly client: RedisClient;
  readonly profile: ConnectionProfile;
  readonly deadline: number;
  /** The last error that the socket or the server's greeting gave, until the connection is usable again. */
  lastError: Error | undefined;
  #maxWaiting: number;
  #first: (() => Promise<boolean>) | undefined;
  #waiting = 0;
  #closed = false;
  #up = false;
  /** Whether the present socket has been given up; the client learns of it only when it is closed. */
  #abandoned = false;
  /** The calls that wait for a reply on the present socket: with it, the reply is gone, and ioredis does not say so. */
  readonly #underWay = new PlaceList<Call>();
  #greeting: NodeJS.Timeout | undefined;
  /** Why the database that was asked for is not the one that this socket reads and writes: ioredis goes on with another. */
  #wrongDatabase: EscapementError | undefined;
  /** What ends each call that waits for a connection, once waiting cannot help it. */
  readonly #waiters = new Set<() => void>();

  constructor(source: RedisSource, options: ConnectOptions) {
    super();
    this.profile = options.profile;
    this.deadline = options.deadline ?? 5000;
    this.#maxWaiting = options.maxWaiting ?? 1000;
    this.#first = options.first;
    this.client = openClient(source, options.key);
    this.setMaxListeners(0);
    this.client.setMaxListeners(0);
    this.client.on("error", (error: Error) => this.#onError(error));
    // Connected, but the server's greeting may never be answered: its socket can be half open as well.
    this.client.on("connect", () => {
      this.#wrongDatabase = undefined;
      this.#greeting = setTimeout(() => this.#abandon(), Math.max(this.deadline, 1000)).unref();
    });
    this.client.on("ready", () => {
      clearTimeout(this.#greeting);
      if (this.#wrongDatabase !== undefined) return;
      this.lastError = undefined;
      this.#up = true;
      this.emit("restored");
    });
    this.client.on("close", () => {
      this.#wrongDatabase = undefined;
      clearTimeout(this.#greeting);
      this.#abandoned = false;
      for (const { end } of this.#underWay) end();
      if (!this.#up) return;
      this.#up = false;
      this.emit("lost", this.lastError);
    });
  }

  /** Whether it is to one slot of a cluster. */
  get isCluster(): boolean {
    return isOfSlot(this.client);
  }

  /** Whether a call would be sent at once. */
  get isReady(): boolean {
    return this.client.status === "ready" && !this.#abandoned && this.#wrongDatabase === undefined;
  }

  /**
   * Runs one command or script under this connection's deadline. What a server refused since it does not serve the slot just now (a failover,
   * a slot that is being moved) was not applied; in the profile `commands` it is repeated until the deadline.
   *
   * @param doing what is being done, for the error's message
   * @throws RedisError `REDIS_UNAVAILABLE` if nothing was applied, `REDIS_TIMEOUT` if it is unknown whether it was
   */
  async run<R>(
    doing: string,
    command: (client: RedisClient) => Promise<R>,
    deadline: number = this.deadline,
  ): Promise<R> {
    if (this.#first !== undefined && (await this.#first())) this.#first = undefined;
    return this.runUnguarded(doing, command, deadline);
  }

  /** The same without what is asked first. */
  async runUnguarded<R>(
    doing: string,
    command: (client: RedisClient) => Promise<R>,
    deadline: number = this.deadline,
  ): Promise<R> {
    const end = performance.now() + deadline;
    for (let attempt = 1; ; attempt++) {
      const left = attempt === 1 ? deadline : end - performance.now();
      try {
        return await this.#runOnce(doing, command, left);
      } catch (error) {
        const pause = reconnectDelay(Math.min(attempt, 4));
        const isOver = performance.now() + pause >= end || this.#waiting >= this.#maxWaiting;
        if (this.profile !== "commands" || isOver || !wasNotTaken(error)) throw error;
        this.#waiting += 1;
        await new Promise((resolve) => setTimeout(resolve, pause));
        this.#waiting -= 1;
        // Later than meant, on a busy event loop: sent with no time left it would be given up at once, and the socket with it.
        if (performance.now() >= end) throw error;
      }
    }
  }

  /**
   * Has a connection that waits for others to speak looked at whenever `other`, to the same server, is lost: on a socket that is half open
   * it would wait for ever.
   */
  checkWith(other: Connection): void {
    other.on("lost", () => {
      if (this.isReady) this.run("PING", (client) => client.ping()).catch(() => undefined);
    });
  }

  async #runOnce<R>(
    doing: string,
    command: (client: RedisClient) => Promise<R>,
    deadline: number,
  ): Promise<R> {
    if (this.#closed) throw new ConnectionClosedError(doing);
    if (!this.isReady) await this.#waitUntilReady(doing, deadline);
    return await new Promise<R>((resolve, reject) => {
      const call: Call = { place: -1, end: () => fail(broken(doing)) };
      const giveUp = (): void => {
        if (call.place >= 0) fail(this.#timedOut(doing, deadline));
      };
      // A reply that came while the event loop was blocked is read between the two.
      const timer = setTimeout(() => setImmediate(giveUp), deadline);
      const leave = (): void => {
        clearTimeout(timer);
        this.#underWay.remove(call);
      };
      const fail = (error: Error): void => {
        leave();
        reject(error);
      };
      this.#underWay.add(call);
      asPromise(() => command(this.client)).then(
        (reply) => {
          leave();
          resolve(reply);
        },
        (error: unknown) => fail(asOurs(error, doing)),
      );
    });
  }

  /** Closes the connection. Calls under way end with an error. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#greeting);
    this.client.disconnect();
  }

  /** Resolves when a call can be sent; rejects with the reason why not when `deadline` milliseconds have passed. */
  ready(deadline: number = this.deadline): Promise<void> {
    return this.isReady ? Promise.resolve() : this.#waitUntilReady("connecting", deadline, true);
  }

  #timedOut(doing: string, deadline: number): RedisError {
    this.#abandon();
    return unknown(`${doing}: no reply from Redis within ${deadline} ms`);
  }

  /** The socket may be half open, and whatever is sent on it would wait as well: start over with a new one. */
  #abandon(): void {
    if (this.#closed || this.#abandoned) return;
    this.#abandoned = true;
    this.client.disconnect(true);
  }

  #onError(error: Error): void {
    const { name } = (error as { command?: { name?: string } }).command ?? {};
    this.lastError = withoutArguments(error);
    const refused = ["REDIS_AUTH", "REDIS_TLS"].includes(toRedisError(error, "connecting").code);
    if (error.name === "ReplyError" && name?.toLowerCase() === "select")
      this.#wrongDatabase = noDatabase(error);
    // Refused is refused: whoever waits is told so now, and whoever comes later after the next attempt.
    if (refused || this.#wrongDatabase !== undefined) for (const end of [...this.#waiters]) end();
  }

  async #waitUntilReady(doing: string, deadline: number, always = false): Promise<void> {
    if (this.#closed) throw new ConnectionClosedError(doing);
    if (this.#wrongDatabase !== undefined && this.client.status === "ready") throw this.#wrongDatabase;
    const mayWait = always || (this.profile !== "lease" && this.#waiting < this.#maxWaiting);
    if (!mayWait) throw this.#unavailable(doing);
    this.#waiting += 1;
    try {
      await new Promise<void>((resolve, reject) => {
        const give = (error?: Error): void => {
          clearTimeout(timer);
          this.client.off("ready", onReady).off("end", onEnd);
          this.#waiters.delete(onEnd);
          if (error === undefined) resolve();
          else reject(error);
        };
        const onReady = (): void => give();
        const onEnd = (): void => give(this.#unavailable(doing));
        const timer = setTimeout(() => give(this.#unavailable(doing)), deadline);
        this.client.on("ready", onReady).on("end", onEnd);
        this.#waiters.add(onEnd);
      });
    } finally {
      this.#waiting -= 1;
    }
  }

  #unavailable(doing: string): EscapementError {
    if (this.#wrongDatabase !== undefined) return this.#wrongDatabase;
    const cause = this.lastError ?? new Error("Connection is closed");
    const error = toRedisError(cause, doing);
    return error.code === "REDIS_FAILED"
      ? new RedisError("REDIS_UNAVAILABLE", error.message, { cause })
      : error;
  }
}

/** Whether a server refused a call as a whole, or nothing could be sent, for a reason that passes by itself. */
function wasNotTaken(error: unknown): boolean {
  const { cause } = error as Error;
  const said = cause instanceof Error ? cause.message : "";
  const refused = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|UNBLOCKED) |^Stream isn't writeable/.test(
    said,
  );
  return refused && !said.includes(" script: "); // by then it may have written
}

function noDatabase(cause: Error): EscapementError {
  const error = toRedisError(cause, "choosing the database");
  if (error.code === "REDIS_AUTH") return error;
  return new RedisError(
    "REDIS_UNUSABLE",
    `The server does not have the database that its address names: ${cause.message}. ` +
      "Name one that it has, or raise its setting databases.",
    { cause },
  );
}

/** What it answers; it may throw at once. */
async function asPromise<R>(command: () => Promise<R>): Promise<R> {
  return command();
}

function broken(doing: string): RedisError {
  return unknown(`${doing}: the connection broke before Redis' reply came`);
}

/** What a call is refused with. */
function asOurs(error: unknown, doing: string): Error {
  // Said by ioredis of what was sent already, when the connection is closed for good.
  if (error instanceof Error && /^Connection is closed/.test(error.message))
    return unknown(`${doing}: the connection was closed before Redis' reply came`, error);
  return toRedisError(error, doing);
}

function unknown(what: string, cause?: Error): RedisError {
  return new RedisError(
    "REDIS_TIMEOUT",
    `${what}. It may or may not have been applied; repeat it to know.`,
    cause && { cause },
  );
}

/** Opens a connection; returns at once and connects in the background. Throws `INVALID_REDIS_URL` for what is no address. */
export function connect(source: RedisSource, options: ConnectOptions): Connection {
  return new Connection(source, options);
}
