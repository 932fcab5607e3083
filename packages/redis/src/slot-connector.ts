// Finds, at each connecting, the master of one slot of a Redis Cluster, as ioredis' own connector for Sentinel finds a master. All that
// Escapement asks for in one piece of work lies in one slot; so one connection to one server is enough, and all holds of it that holds of
// a single server: deadlines, half-open sockets that are given up, nothing sent twice, nothing read before the greeting.
import { createConnection, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { AbstractConnector, Command, Redis, type RedisOptions } from "ioredis";
import { type ClusterAddress, natMapped, type ServerAddress } from "./cluster-address.js";

/** Milliseconds that one server of the cluster may take to say who has the slot. */
const patience = 1000;

type TellError = (type: string, error: Error) => void;

/** What connections to one slot know of the cluster. */
export class SlotRoute {
  readonly #cluster: ClusterAddress;
  readonly #slot: number;
  readonly #delay: (attempt: number) => number;
  /** Servers to ask, the one that answered last behind the others. */
  #known: ServerAddress[];
  /** Where a server said that the slot is. */
  #moved: ServerAddress | undefined;
  #stayUntil = 0;

  constructor(cluster: ClusterAddress, key: string, delay: (attempt: number) => number) {
    this.#cluster = cluster;
    this.#slot = Number(new Command("get", [key]).getSlot());
    this.#delay = delay;
    this.#known = [...cluster.nodes];
  }

  /** Whether a server that gave this error is to be left, since another one has the slot, or may have. */
  isLeft(message: string): boolean {
    if (message.startsWith("MOVED ")) {
      this.#noteMoved(message);
      return true;
    }
    // Said by a master that is cut off from most others: those may have a new one. But if all say so, leaving in turn helps nobody.
    if (!message.startsWith("CLUSTERDOWN") || Date.now() < this.#stayUntil) return false;
    this.#stayUntil = Date.now() + patience;
    return true;
  }

  /** Where the slot's master is, by what a server of the cluster says; asks on until `isWanted` says no. */
  async find(isWanted: () => boolean, tell: TellError): Promise<ServerAddress> {
    for (let attempt = 1; ; attempt++) {
      const moved = this.#moved;
      this.#moved = undefined;
      if (moved !== undefined) return moved;
      let last: unknown;
      for (const server of [...this.#known]) {
        const master = await this.#ask(server).catch((error: unknown) => {
          last = error;
          return undefined;
        });
        if (!isWanted()) throw new Error("Connection is closed.");
        if (master !== undefined) return master;
      }
      const why = last instanceof Error ? last.message : `none of them knows who has slot ${this.#slot}`;
      tell("error", new Error(`None of the cluster's nodes could be asked. Redis connection lost: ${why}`));
      await new Promise((resolve) => setTimeout(resolve, this.#delay(attempt)));
      if (!isWanted()) throw new Error("Connection is closed.");
    }
  }

  /** `MOVED <slot> <host>:<port>`: the next connection goes there. */
  #noteMoved(message: string): void {
    const [, , where = ""] = message.split(" ");
    const colon = where.lastIndexOf(":");
    const address = { host: where.slice(0, colon), port: Number(where.slice(colon + 1)) };
    if (colon > 0 && address.port > 0) this.#moved = natMapped(address, this.#cluster.natMap);
  }

  async #ask(server: ServerAddress): Promise<ServerAddress | undefined> {
    const client = new Redis({
      ...this.#cluster.options,
      ...server,
      lazyConnect: true,
      enableOfflineQueue: true,
      enableReadyCheck: false,
      disableClientInfo: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      connectTimeout: patience,
      commandTimeout: patience,
    });
    client.on("error", () => undefined); // the call below says it
    try {
      const ranges = await client.cluster("SLOTS");
      // One that does not know by which address it is reached answers none: it is the one that was asked.
      const at = ([host, port]: readonly [string | null, number, ...unknown[]]): ServerAddress =>
        natMapped({ host: host || server.host, port }, this.#cluster.natMap);
      this.#learn(
        server,
        ranges.flatMap(([, , ...servers]) => servers.map(at)),
      );
      const range = ranges.find(([first, last]) => first <= this.#slot && this.#slot <= last);
      return range?.[2] && at(range[2]);
    } finally {
      client.disconnect();
    }
  }

  /** The next time another one is asked first: what one says may be out of date for as long as it is cut off from the others. */
  #learn(asked: ServerAddress, servers: readonly ServerAddress[]): void {
    const all = new Map<string, ServerAddress>();
    for (const server of [...servers, ...this.#cluster.nodes])
      all.set(`${server.host}:${server.port}`, server);
    const others = this.#known.filter(({ host, port }) => all.delete(`${host}:${port}`));
    const isAsked = ({ host, port }: ServerAddress): boolean => host === asked.host && port === asked.port;
    this.#known = [
      ...others.filter((server) => !isAsked(server)),
      ...all.values(),
      ...others.filter(isAsked),
    ];
  }
}

const ofSlots = new WeakSet<object>();

/** Whether a client follows a slot of a cluster, and so do its duplicates. */
export function isOfSlot({ options }: Redis): boolean {
  return options.Connector !== undefined && ofSlots.has(options.Connector);
}

/** The connector class, for ioredis' option `Connector`, of connections that follow `route`. */
export function slotConnector(route: SlotRoute): NonNullable<RedisOptions["Connector"]> {
  const Connector = class SlotConnector extends AbstractConnector {
    readonly #options: RedisOptions;
    #attempt = 0;

    constructor(options: unknown) {
      super((options as { disconnectTimeout: number }).disconnectTimeout);
      this.#options = options as RedisOptions;
    }

    /** A server that is not the master any more is left at once. One that does not tell its role is taken for one. */
    override check(info: { role?: string }): boolean {
      return info.role === undefined || info.role === "master";
    }

    async connect(tell: TellError): Promise<Socket> {
      this.connecting = true;
      const attempt = ++this.#attempt;
      const isWanted = (): boolean => this.connecting && attempt === this.#attempt;
      const { host, port } = await route.find(isWanted, tell);
      if (!isWanted()) throw new Error("Connection is closed.");
      const { tls, family } = this.#options;
      const to = { host, port, ...(family === undefined ? {} : { family }) };
      const stream = tls === undefined ? createConnection(to) : tlsConnect({ ...to, ...tls });
      stream.once("error", (error) => {
        this.firstError = error;
      });
      this.stream = stream;
      return stream;
    }
  };
  ofSlots.add(Connector);
  return Connector;
}
