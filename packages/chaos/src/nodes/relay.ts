// Loaded before a node's program in a network namespace of its own: its connections to ports of 127.0.0.1 leave the namespace through sockets in
// the file system, which no namespace divides.
import { createConnection, createServer } from "node:net";
import { relayVariable } from "./node-config.js";

const paths = JSON.parse(process.env[relayVariable] ?? "{}") as Record<string, string>;
for (const [port, path] of Object.entries(paths))
  createServer((near) => {
    const far = createConnection(path);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  })
    .listen(Number(port), "127.0.0.1")
    .unref();
