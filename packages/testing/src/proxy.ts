import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./free-port.js";
import { type ArmedCut, type Connection, CutAfter } from "./proxy-cut-after.js";
import { freeLane, Lane, type LaneRules, type Traffic } from "./proxy-lane.js";

/** A TCP proxy in front of a server, or of all of a cluster, for faults of the connection rather than of the server. */
export interface TcpProxy {
  /** The address for clients; it carries the password that the target's address has. */
  readonly url: string;
  /** The port on 127.0.0.1; of a cluster the first server's. */
  readonly port: number;
  /** How many connections it carries now. */
  readonly connections: number;
  /** How many connections it has accepted since its start. */
  readonly accepted: number;
  /** What has become of what it carried, each way, up to now. */
  traffic(): { readonly requests: Traffic; readonly replies: Traffic };
  /** Resets all connections (TCP RST), and loses what waits. New ones are accepted. */
  cut(): void;
  /**
   * Waits for a request that holds a text, such as the name of a command: hands it on and holds back what the server says from then on;
   * once that has come, resets that connection and loses it. Happens once; a later call takes the place of one that waits.
   */
  cutAfter(text: string): ArmedCut;
  /** Half-open: connections stay, and new ones are accepted, but no byte flows either way until `resume()`. */
  pause(): void;
  /** Lets bytes flow again; those that waited arrive now. */
  resume(): void;
  /**
   * Requests reach the server but its replies wait. `false` lets the waiting ones through; `cut()` before that loses
   * them, which is how a reply gets lost.
   */
  blockReplies(on: boolean): void;
  /** Requests wait, and what the server says goes through. `false` lets the waiting ones arrive, late; `cut()` before that loses them. */
  blockRequests(on: boolean): void;
  /** Makes what comes from now on late, each way; `undefined`: no more. Nothing overtakes what came before it. */
  slow(latency: Latency | undefined): void;
  /** Lets no more than so many bytes a second through, of each connection and each way; `undefined`: any number. */
  throttle(bytesPerSecond: number | undefined): void;
  /** Refuses new connections (ECONNREFUSED), or takes them again; those that are there are not touched. */
  refuse(on: boolean): Promise<void>;
  /** Cuts all connections and ends the proxy. */
  stop(): Promise<void>;
  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** By how much a proxy makes late what it carries. */
export interface Latency {
  /** Milliseconds, at least. */
  readonly least: number;
  /** Milliseconds, at most: the jitter is the difference. */
  readonly most: number;
  /**
   * At least 0, below 1: where in between.
   * @default Math.random
   */
  readonly random?: () => number;
}

/** What a proxy does to what it carries. */
export interface ProxyOptions {
  /**
   * Takes each piece of what the server sends and gives what the client gets instead, for a server that says of itself what this one does not.
   * The length must stay the same, since replies are told by theirs. A byte is a character.
   *
   * @default nothing is changed
   */
  rewriteReplies?: (text: string) => string;
}

/**
 * Starts a proxy for a port on 127.0.0.1 or for the host, port and password of a Redis URL. Where that names the servers of a cluster, each is reached
 * at a port of its own, and by what the cluster says of itself its clients know these ports only.
 *
 * @throws TestingError `START_FAILED` if no port is free
 */
export async function startProxy(target: number | string, options: ProxyOptions = {}): Promise<TcpProxy> {
  const url = typeof target === "number" ? `redis://127.0.0.1:${target}` : target;
  const [, begin = "", hosts = "", end = ""] =
    /^(\w+(?:\+cluster)?:\/\/(?:[^@/]*@)?)([^/]*)(.*)$/.exec(url) ?? [];
  const doors = await Promise.all(
    hosts.split(",").map(async (host): Promise<Door> => {
      const { hostname, port } = new URL(`redis://${host}`);
      return { port: await freePort(), target: { host: hostname, port: Number(port || 6379) } };
    }),
  );
  const own = `${begin}${doors.map(({ port }) => `127.0.0.1:${port}`)}${end}`;
  const rewrite = begin.includes("+cluster")
    ? withDoors(doors, options.rewriteReplies)
    : options.rewriteReplies;
  const proxy = new FaultyProxy(own, doors, rewrite);
  await proxy.refuse(false);
  return proxy;
}

/** A port of the proxy, and what is behind it. */
interface Door {
  readonly port: number;
  readonly target: { readonly host: string; readonly port: number };
}

/** Names the doors where a server of a cluster names servers: in its answer to CLUSTER SLOTS, and where it sends clients to another one. */
function withDoors(
  doors: readonly Door[],
  rewrite = (text: string): string => text,
): (text: string) => string {
  const ports = new Map(doors.map(({ port, target }) => [String(target.port), String(port)]));
  const named = /(\r\n127\.0\.0\.1\r\n:|-(?:MOVED|ASK) \d+ 127\.0\.0\.1:)(\d+)/g;
  return (text) =>
    rewrite(text.replace(named, (_, before: string, port: string) => before + (ports.get(port) ?? port)));
}

class FaultyProxy implements TcpProxy {
  readonly url: string;
  readonly port: number;
  accepted = 0;
  readonly #doors: readonly Door[];
  readonly #open = new Set<Connection>();
  readonly #sockets = new Set<Socket>();
  readonly #requests: LaneRules = freeLane();
  readonly #replies: LaneRules;
  #listeners: Server[] = [];
  #paused = false;
  #requestsBlocked = false;
  #repliesBlocked = false;
  #armed: CutAfter | undefined;

  constructor(url: string, doors: readonly Door[], rewrite?: (text: string) => string) {
    this.url = url;
    this.port = doors[0]?.port ?? 0;
    this.#doors = doors;
    this.#replies = freeLane(rewrite);
  }

  get connections(): number {
    return this.#open.size;
  }

  traffic(): { requests: Traffic; replies: Traffic } {
    return { requests: { ...this.#requests.traffic }, replies: { ...this.#replies.traffic } };
  }

  cut(): void {
    for (const connection of [...this.#open]) this.#reset(connection);
  }

  cutAfter(text: string): ArmedCut {
    this.#armed?.disarm();
    this.#armed = new CutAfter(text, (connection) => this.#reset(connection));
    return this.#armed;
  }

  pause(): void {
    this.#paused = true;
    this.#apply();
  }

  resume(): void {
    this.#paused = false;
    this.#apply();
  }

  blockReplies(on: boolean): void {
    this.#repliesBlocked = on;
    this.#apply();
  }

  blockRequests(on: boolean): void {
    this.#requestsBlocked = on;
    this.#apply();
  }

  slow(latency: Latency | undefined): void {
    const { least, most, random = Math.random } = latency ?? { least: 0, most: 0 };
    for (const rules of [this.#requests, this.#replies])
      rules.delay = () => least + random() * (most - least);
  }

  throttle(bytesPerSecond: number = Number.POSITIVE_INFINITY): void {
    for (const rules of [this.#requests, this.#replies]) rules.rate = bytesPerSecond;
  }

  async refuse(on: boolean): Promise<void> {
    if (on) {
      // Only the listening ends here: close() leaves the connections alone, and its callback would wait for them.
      for (const listener of this.#listeners.splice(0)) listener.close();
    } else if (this.#listeners.length === 0) {
      this.#listeners = this.#doors.map(({ port, target }) =>
        createServer((client) => this.#accept(client, target)).listen(port, "127.0.0.1"),
      );
      await Promise.all(this.#listeners.map((listener) => once(listener, "listening")));
    }
  }

  async stop(): Promise<void> {
    await this.refuse(true);
    this.cut();
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #accept(client: Socket, target: Door["target"]): void {
    this.accepted += 1;
    const server = createConnection({ ...target, noDelay: true });
    client.setNoDelay(true);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    }
    const ended = (): void => void this.#open.delete(connection);
    const requests = new Lane(client, server, this.#requests, {
      arrived: () => undefined,
      passed: (bytes) => this.#armed?.requestPassed(connection, bytes),
      ended,
    });
    const replies = new Lane(server, client, this.#replies, {
      arrived: (bytes) => this.#armed?.replyArrived(connection, bytes),
      passed: () => undefined,
      ended,
    });
    const connection: Connection = { client, server, requests, replies };
    this.#open.add(connection);
  }

  #reset(connection: Connection): void {
    this.#open.delete(connection);
    for (const lane of [connection.requests, connection.replies]) lane.drop();
    for (const socket of [connection.client, connection.server]) socket.resetAndDestroy();
  }

  #apply(): void {
    this.#requests.blocked = this.#paused || this.#requestsBlocked;
    this.#replies.blocked = this.#paused || this.#repliesBlocked;
    for (const { requests, replies } of [...this.#open]) {
      requests.flow();
      replies.flow();
    }
  }
}
