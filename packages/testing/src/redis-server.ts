import type { Redis, RedisOptions } from "ioredis";
import type { JobStore } from "./job-store.js";
import type { RedisWay } from "./redis-way.js";

/**
 * One real Redis server, and the faults that can happen to it. On a server that runs already (way "url") the faults
 * throw `TestingError` `UNSUPPORTED`: it belongs to somebody else.
 */
export interface RedisServer extends JobStore {
  /** How this server was got. */
  readonly way: RedisWay;
  /** Its address, with its password if it has one; the same after each restart. */
  readonly url: string;
  /** Its port, the same after each restart. */
  readonly port: number;
  /** The id of the process that runs now; undefined when none does or it is not a child of ours. */
  readonly pid: number | undefined;
  /** The certificate, as PEM text, of the authority that vouches for it; undefined without TLS. */
  readonly ca: string | undefined;
  /** Itself alone. */
  readonly servers: readonly [RedisServer];
  /** Itself, whatever the key. */
  masterOf(): Promise<RedisServer>;
  /**
   * Its address with the name and password of one of its users.
   *
   * @throws TestingError `INVALID` if it was started without such a user
   */
  urlAs(user: string): string;
  /** A new plain ioredis connection, closed by `stop()`. The options prevail over ioredis's defaults. */
  client(options?: RedisOptions): Redis;
  /** SIGKILL: as if the machine lost power, except that what was written to files is kept. Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. Resolves when it stands still. */
  freeze(): Promise<void>;
  /** SIGCONT: goes on with what it received while it stood still. */
  thaw(): Promise<void>;
  /** SIGTERM: the append-only file is written through first. Resolves when it is gone; 10 s at most, then SIGKILL. */
  shutdown(): Promise<void>;
  /** Starts it on the same port and data, shutting it down first if it runs. Resolves when it answers. */
  restart(): Promise<void>;
  /** Copies the data as it is now to an RDB file, which is kept until this process ends. Returns the file's path. */
  save(): Promise<string>;
  /** Kills it, replaces all its data by that RDB file and starts it again: a store that lost acknowledged writes. */
  restore(rdb: string): Promise<void>;
  /** Closes the clients, ends the server and removes its temporary folder. Safe to call twice. */
  stop(): Promise<void>;
  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
