import { Redis, type RedisOptions } from "ioredis";
import { ask } from "./ask.js";
import { eventually } from "./eventually.js";
import { found } from "./found.js";
import type { RedisServer } from "./redis-server.js";

/** A master, its replicas, and the sentinels that watch over them. */
export interface Sentinel extends AsyncDisposable {
  /** The name by which sentinels know the master. */
  readonly name: string;
  /** The servers that hold data; the first was the master at the beginning. */
  readonly servers: readonly RedisServer[];
  /** The sentinels. Their faults are those of a server; they hold no data to save or restore. */
  readonly sentinels: readonly RedisServer[];
  /** How ioredis reaches whichever server is the master. */
  readonly options: RedisOptions;
  /** A new ioredis connection to whichever server is the master, closed by `stop()`. */
  client(options?: RedisOptions): Redis;
  /**
   * The master: the server on which most sentinels that answer agree, and which says so itself. Waits while there is none.
   *
   * @param within milliseconds; 30000 if left out
   * @throws TestingError `DEADLINE`
   */
  primary(within?: number): Promise<RedisServer>;
  /** The other servers, running or not. */
  replicas(): Promise<RedisServer[]>;
  /** Resolves when every server that runs follows the master and is in sync with it. */
  inSync(within?: number): Promise<void>;
  /**
   * `SENTINEL FAILOVER`: another server becomes the master although nothing is wrong. Sentinels ask for no agreement in this, and the old
   * master does not wait for its replicas: what they did not have is lost. Resolves with the new master.
   */
  failover(within?: number): Promise<RedisServer>;
  /** Stops them all. */
  stop(): Promise<void>;
}

/** What sentinels say, and what is made of it. */
export class RunningSentinel implements Sentinel {
  readonly name: string;
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  readonly options: RedisOptions;
  readonly #clients = new Set<Redis>();

  constructor(
    name: string,
    servers: readonly RedisServer[],
    sentinels: readonly RedisServer[],
    options: RedisOptions,
  ) {
    this.name = name;
    this.servers = servers;
    this.sentinels = sentinels;
    const at = sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
    this.options = { ...options, sentinels: at, name };
  }

  client(options: RedisOptions = {}): Redis {
    const client = new Redis({ ...this.options, ...options });
    client.on("error", () => {});
    this.#clients.add(client);
    return client;
  }

  async primary(within: number = 30_000): Promise<RedisServer> {
    return found(() => this.#agreed(), { within, every: 50 });
  }

  async replicas(): Promise<RedisServer[]> {
    const primary = await this.primary();
    return this.servers.filter((server) => server !== primary);
  }

  async inSync(within: number = 30_000): Promise<void> {
    await eventually(
      async () => {
        const primary = await this.primary(within);
        const running = this.servers.filter((server) => server.pid !== undefined && server !== primary);
        const info = (await ask(primary, (client) => client.info("replication"))) ?? "";
        return (info.match(/^slave\d+:.*state=online/gm) ?? []).length >= running.length;
      },
      { within, every: 50 },
    );
  }

  async failover(within: number = 30_000): Promise<RedisServer> {
    const old = await this.primary(within);
    // Refused while another failover is under way, or while no replica is known to be good.
    await eventually(
      async () => {
        // One after the other: two that agree would fail over twice.
        for (const sentinel of this.sentinels)
          if ((await ask(sentinel, (client) => client.call("SENTINEL", "FAILOVER", this.name))) === "OK")
            return true;
        return (await this.#agreed()) !== old;
      },
      { within, every: 250 },
    );
    return found(
      async () => {
        const now = await this.#agreed();
        return now === old ? undefined : now;
      },
      { within, every: 50 },
    );
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #agreed(): Promise<RedisServer | undefined> {
    const answers = await Promise.all(
      this.sentinels.map((sentinel) =>
        ask(sentinel, (client) => client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", this.name)),
      ),
    );
    const ports = answers.flatMap((answer) => (Array.isArray(answer) ? [Number(answer[1])] : []));
    const server = this.servers.find(
      ({ port }) => ports.filter((one) => one === port).length * 2 > ports.length,
    );
    if (server === undefined) return undefined;
    const role = await ask(server, (client) => client.role());
    return role?.[0] === "master" ? server : undefined;
  }
}
