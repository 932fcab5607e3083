import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { Transform } from "node:stream";
import { freePort } from "./free-port.js";

/** A TCP proxy in front of a server, for faults of the connection rather than of the server. */
export interface TcpProxy {
  /** The address for clients; it carries the password that the target's address has. */
  readonly url: string;
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** How many connections it carries now. */
  readonly connections: number;
  /** Resets all connections (TCP RST). New ones are accepted. */
  cut(): void;
  /** Half-open: connections stay, and new ones are accepted, but no byte flows either way until `resume()`. */
  pause(): void;
  /** Lets bytes flow again; those that waited arrive now. */
  resume(): void;
  /**
   * Requests reach the server but its replies wait. `false` lets the waiting ones through; `cut()` before that loses
   * them, which is how a reply gets lost.
   */
  blockReplies(on: boolean): void;
  /** Refuses new connections (ECONNREFUSED), or takes them again; those that are there are not touched. */
  refuse(on: boolean): Promise<void>;
  /** Cuts all connections and ends the proxy. */
  stop(): Promise<void>;
  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
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
 * Starts a proxy for a port on 127.0.0.1 or for the host, port and password of a Redis URL.
 *
 * @throws TestingError `START_FAILED` if no port is free
 */
export async function startProxy(target: number | string, options: ProxyOptions = {}): Promise<TcpProxy> {
  const proxy = new FaultyProxy(
    typeof target === "number" ? `redis://127.0.0.1:${target}` : target,
    await freePort(),
    options.rewriteReplies,
  );
  await proxy.refuse(false);
  return proxy;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  /** What comes from the server on its way to the client. */
  readonly replies: NodeJS.ReadableStream;
}

class FaultyProxy implements TcpProxy {
  readonly url: string;
  readonly port: number;
  readonly #target: { host: string; port: number };
  readonly #open = new Set<Connection>();
  readonly #rewrite: ((text: string) => string) | undefined;
  #listener: Server | undefined;
  #paused = false;
  #repliesBlocked = false;

  constructor(target: string, port: number, rewrite?: (text: string) => string) {
    this.#rewrite = rewrite;
    const url = new URL(target);
    this.#target = { host: url.hostname, port: Number(url.port || 6379) };
    this.port = port;
    url.hostname = "127.0.0.1";
    url.port = String(port);
    this.url = url.href;
  }

  get connections(): number {
    return this.#open.size;
  }

  cut(): void {
    for (const { client, server } of this.#open) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#open.clear();
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

  async refuse(on: boolean): Promise<void> {
    if (on) {
      // Only the listening ends here: close() leaves the connections alone, and its callback would wait for them.
      this.#listener?.close();
      this.#listener = undefined;
    } else if (!this.#listener) {
      this.#listener = createServer((client) => this.#accept(client));
      this.#listener.listen(this.port, "127.0.0.1");
      await once(this.#listener, "listening");
    }
  }

  async stop(): Promise<void> {
    await this.refuse(true);
    this.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #accept(client: Socket): void {
    const server = createConnection({ ...this.#target, noDelay: true });
    client.setNoDelay(true);
    const replies = this.#rewrite === undefined ? server : server.pipe(rewriting(this.#rewrite));
    const connection = { client, server, replies };
    this.#open.add(connection);
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      end.on("error", () => other.destroy());
      end.on("close", () => {
        this.#open.delete(connection);
        // What the other end has not sent yet still goes out before it closes.
        other.end();
      });
    }
    this.#flow(connection);
  }

  #apply(): void {
    for (const connection of this.#open) this.#flow(connection);
  }

  /** Unpiped streams keep what they have read and stop reading, so that nothing is lost while it waits. */
  #flow({ client, server, replies }: Connection): void {
    client.unpipe(server);
    replies.unpipe(client);
    if (this.#paused) return;
    client.pipe(server);
    if (!this.#repliesBlocked) replies.pipe(client);
  }
}

function rewriting(rewrite: (text: string) => string): Transform {
  return new Transform({
    transform: (piece: Buffer, _, give) =>
      give(null, Buffer.from(rewrite(piece.toString("latin1")), "latin1")),
  });
}
