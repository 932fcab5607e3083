import { createConnection, createServer, type Socket } from "node:net";
import type { Topology } from "../topologies/topology.js";

/** A way to a server on which requests can be kept until they are out of date. */
export interface HeldRequests extends AsyncDisposable {
  /** What nodes use in place of the server's address. */
  readonly url: string;
  /** The first piece with this text in it that a client sends from now on stays here, with all that any client sends after it. Resolves when there is one. */
  hold(text: string): Promise<void>;
  /** Sends on what was held, also that of clients that have gone. */
  release(): void;
}

/** Starts such a way to a server on 127.0.0.1. */
export async function heldRequests(target: string): Promise<HeldRequests> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let wanted: { readonly text: string; found(): void } | undefined;
  let held: (() => void)[] | undefined; // what releases each piece, in their order
  const listener = createServer((client) => {
    const server = createConnection({ host: hostname, port: Number(port), noDelay: true });
    sockets.add(client).add(server);
    server.pipe(client);
    client.on("data", (piece: Buffer) => {
      if (wanted !== undefined && piece.includes(wanted.text)) {
        held = [];
        wanted.found();
        wanted = undefined;
      }
      if (held === undefined) server.write(piece);
      else held.push(() => server.write(piece));
    });
    const end = (): unknown => server.end();
    client.on("error", () => undefined).on("close", () => (held === undefined ? end() : held.push(end)));
    server.on("error", () => undefined).on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  return {
    url: `redis://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    hold: (text) =>
      new Promise((found) => {
        wanted = { text, found };
      }),
    release: () => {
      const pieces = held ?? [];
      held = undefined;
      for (const send of pieces) send();
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A topology of which one node reaches the store by that way. */
export function reachedBy(topology: Topology, node: string, way: HeldRequests): Topology {
  return {
    ...topology,
    linkOf: async (name) => {
      const link = await topology.linkOf(name);
      return name === node ? { ...link, address: { url: way.url } } : link;
    },
    [Symbol.asyncDispose]: async () => {
      await way[Symbol.asyncDispose]();
      await topology[Symbol.asyncDispose]();
    },
  };
}
