import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { guardedFolder, removeFolder } from "@escapement/testing";
import type { NodeProcess } from "./chaos-node.js";
import { relayVariable } from "./node-config.js";

const relay = fileURLToPath(new URL("../../dist/nodes/relay.js", import.meta.url));

/** The way out of a network namespace. */
export interface RelayedPorts {
  /** A node's process in a namespace of its own, which is gone with the process. */
  readonly madeOf: NodeProcess;
  /** Ends the way out. */
  close(): Promise<void>;
}

/** Lets a process in a network namespace of its own reach these ports of 127.0.0.1. It takes root, and `unshare` and `ip`. */
export async function relayPorts(ports: readonly number[]): Promise<RelayedPorts> {
  const folder = await guardedFolder("relay");
  const paths = Object.fromEntries(ports.map((port) => [port, join(folder, String(port))]));
  const servers = await Promise.all(
    ports.map(async (port) => {
      const server = createServer((near) => {
        const far = createConnection(port, "127.0.0.1");
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          from.on("error", () => to.destroy());
          from.pipe(to);
        }
      });
      await new Promise<void>((resolve) => server.listen(paths[port], resolve));
      return server;
    }),
  );
  return {
    madeOf: {
      command: ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"],
      env: { [relayVariable]: JSON.stringify(paths), NODE_OPTIONS: `--import ${relay}` },
    },
    close: async () => {
      for (const server of servers) server.close();
      await removeFolder(folder);
    },
  };
}
