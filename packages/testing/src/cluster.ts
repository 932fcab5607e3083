import { Cluster as ClusterClient, type ClusterOptions, type Redis } from "ioredis";
import { ask } from "./ask.js";
import { type ClusterMember, memberOf, membersOf, ownerOf } from "./cluster-view.js";
import { TestingError } from "./errors.js";
import { eventually } from "./eventually.js";
import { found } from "./found.js";
import type { JobStore } from "./job-store.js";
import { type MigrateOptions, migrateSlot } from "./migrate-slot.js";
import type { RedisServer } from "./redis-server.js";

/** How a replica is to take over from its master. */
export interface ClusterFailover {
  readonly replica: RedisServer;
  /**
   * `default`: the master waits until the replica has everything, and nothing is lost. `force`: the master is not asked, the other masters
   * are. `takeover`: nobody is asked.
   */
  readonly how?: "default" | "force" | "takeover";
}

/** A Redis Cluster: masters that share the slots, and their replicas. */
export interface Cluster extends JobStore {
  /** Some of its servers, as `redis+cluster://host:port,host:port…`, with their password if they have one. */
  readonly url: string;
  /** All servers: at the beginning first the masters, then their replicas in the same order, round after round. */
  readonly servers: readonly RedisServer[];
  /** Where each server is. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** What every client of it needs. */
  readonly options: ClusterOptions;
  /** A new ioredis client, closed by `stop()`. Its `keys()` asks all masters. */
  client(options?: ClusterOptions): ClusterClient;
  /** The slot of a key. */
  slotOf(key: string): Promise<number>;
  /** The server that serves a key now; waits while there is none, 30 s at most. */
  masterOf(key: string): Promise<RedisServer>;
  /** The servers that say that they follow a master. */
  replicasOf(master: RedisServer): Promise<RedisServer[]>;
  /** Resolves once the replica is master in the eyes of all servers that answer. */
  failover(how: ClusterFailover): Promise<void>;
  /** Moves the slot of a key to another master, in steps in between which clients meet ASK, TRYAGAIN and MOVED. */
  migrateSlot(key: string, to: RedisServer, options?: MigrateOptions): Promise<void>;
  /** Resolves when every server that runs finds the cluster in order, and each replica is in sync. @param within milliseconds; 30000 if left out */
  inOrder(within?: number): Promise<void>;
  /** Stops them all. */
  stop(): Promise<void>;
}

/** A client to which a cluster looks like one server where keys are looked for. */
class WholeCluster extends ClusterClient {
  override async keys(pattern: string): Promise<string[]> {
    // Before it is connected it knows of no master.
    await this.cluster("INFO");
    const each = await Promise.all(this.nodes("master").map((master) => master.keys(pattern)));
    return each.flat();
  }
}

/** What the servers say of themselves, and what is made of it. */
export class RunningCluster implements Cluster {
  readonly servers: readonly RedisServer[];
  readonly url: string;
  readonly nodes: Cluster["nodes"];
  readonly options: ClusterOptions;
  readonly #password: string | undefined;
  readonly #clients = new Set<ClusterClient>();

  constructor(servers: readonly RedisServer[], password: string | undefined) {
    this.servers = servers;
    this.nodes = servers.map(({ port }) => ({ host: "127.0.0.1", port }));
    const user = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
    this.url = `redis+cluster://${user}${this.nodes.map(({ host, port }) => `${host}:${port}`)}`;
    this.options = password === undefined ? {} : { redisOptions: { password } };
    this.#password = password;
  }

  client(options: ClusterOptions = {}): ClusterClient {
    const client = new WholeCluster([...this.nodes], { ...this.options, ...options });
    client.on("error", () => {});
    this.#clients.add(client);
    return client;
  }

  async slotOf(key: string): Promise<number> {
    return this.#anyone((client) => client.cluster("KEYSLOT", key) as Promise<number>);
  }

  async masterOf(key: string): Promise<RedisServer> {
    const slot = await this.slotOf(key);
    return found(async () => ownerOf(slot, await membersOf(this.servers))?.server, {
      within: 30_000,
      every: 50,
    });
  }

  async replicasOf(master: RedisServer): Promise<RedisServer[]> {
    const { id } = await this.#member(master);
    const members = await membersOf(this.servers);
    return members.filter(({ follows }) => follows === id).map(({ server }) => server);
  }

  async failover({ replica, how = "default" }: ClusterFailover): Promise<void> {
    const { id } = await this.#member(replica);
    const words = how === "default" ? [] : [how.toUpperCase()];
    await eventually(
      async () => {
        // A replica that is not in sync yet refuses; an election may also come to nothing, and is asked for again.
        await ask(replica, (client) => client.call("CLUSTER", "FAILOVER", ...words));
        return eventually(async () => this.#isMasterForAll(id), { within: 2000, every: 50 }).catch(
          () => false,
        );
      },
      { within: 30_000, every: 100 },
    );
  }

  async migrateSlot(key: string, to: RedisServer, options: MigrateOptions = {}): Promise<void> {
    const slot = await this.slotOf(key);
    const owner = await this.#member(await this.masterOf(key));
    await migrateSlot({ slot, from: owner, to: await this.#member(to), password: this.#password }, options);
    await eventually(
      async () => {
        const views = await Promise.all(this.servers.map((server) => ask(server, slotsOf)));
        const there = (view: string): boolean => owners(view, slot).includes(to.port);
        return views.every((view) => view === undefined || there(view));
      },
      { within: 30_000, every: 50 },
    );
  }

  async inOrder(within: number = 30_000): Promise<void> {
    await eventually(
      async () => {
        const running = this.servers.filter(({ pid }) => pid !== undefined);
        const answers = await Promise.all(
          running.map((server) =>
            ask(server, (client) => Promise.all([client.cluster("INFO"), client.info("replication")])),
          ),
        );
        return answers.every((answer) => {
          const [info, replication] = answer ?? ["", ""];
          const follows = !/^role:slave/m.test(replication) || /^master_link_status:up/m.test(replication);
          return /^cluster_state:ok/m.test(info) && follows;
        });
      },
      { within, every: 50 },
    );
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #member(server: RedisServer): Promise<ClusterMember> {
    if (!this.servers.includes(server))
      throw new TestingError("INVALID", `${server.url} is no server of this cluster`);
    return found(() => memberOf(server), { within: 5000 });
  }

  async #isMasterForAll(id: string): Promise<boolean> {
    const views = await Promise.all(
      this.servers.map((server) => ask(server, (client) => client.cluster("NODES"))),
    );
    return views.every((view) => {
      if (view === undefined) return true;
      const [, , flags = "", , , , , , ...slots] =
        String(view)
          .split("\n")
          .find((line) => line.startsWith(id))
          ?.split(" ") ?? [];
      return flags.includes("master") && slots.length > 0;
    });
  }

  async #anyone<T>(question: (client: Redis) => Promise<T>): Promise<T> {
    return found(
      async () => {
        for (const server of this.servers) {
          const answer = await ask(server, question);
          if (answer !== undefined) return answer;
        }
        return undefined;
      },
      { within: 30_000, every: 50 },
    );
  }
}

async function slotsOf(client: Redis): Promise<string> {
  return JSON.stringify(await client.cluster("SLOTS"));
}

/** The port of the master of a slot in what CLUSTER SLOTS answered. */
function owners(view: string, slot: number): number[] {
  const ranges = JSON.parse(view) as [number, number, [string, number], ...unknown[]][];
  return ranges.filter(([first, last]) => first <= slot && slot <= last).map(([, , [, port]]) => port);
}
