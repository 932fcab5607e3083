import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { eventually, startRedis, uniqueNamespace } from "@escapement/testing";
import { expect, test } from "vitest";
import { createScheduler } from "./index.js";

/** Hands the first connection to one server and all others to another, as a failover does for a while. */
async function parting(first: string, others: string): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((client) => {
    const { hostname, port } = new URL(count === 0 ? first : others);
    const to = connect(Number(port), hostname);
    count += 1;
    for (const socket of [client, to]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => [client, to].map((one) => one.destroy()));
    }
    client.pipe(to).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a node whose connections reach two masters is one node at the one that its lease is kept at", async () => {
  await using older = await startRedis();
  await using newer = await startRedis();
  await using relay = await parting(older.url, newer.url);
  const namespace = uniqueNamespace("parted");
  await using node = createScheduler({ redis: `redis://127.0.0.1:${relay.port}`, namespace });
  await using client = createScheduler({ redis: newer.url, namespace });
  const died: unknown[] = [];
  node.on("nodeDead", (event) => died.push(event));
  node.task("task", () => "done");
  await node.start();
  expect(await (await client.enqueue("task")).result({ timeout: 10_000 })).toBe("done");
  expect(died).toEqual([]);
});

test("a node that keeps dying young comes back less and less often", async () => {
  await using redis = await startRedis();
  const namespace = uniqueNamespace("young");
  await using node = createScheduler({ redis: redis.url, namespace });
  let [joined, died] = [0, 0];
  node.on("nodeJoined", () => {
    joined += 1;
  });
  node.on("nodeDead", () => {
    died += 1;
  });
  node.task("task", () => undefined);
  const server = redis.client();
  const nodes = `escapement:{${namespace}}:nodes`;
  await node.start();
  await using client = createScheduler({ redis: redis.url, namespace });
  // Somebody takes every identity off the list, as soon as it is there.
  let rounds = 0;
  const goOn = async (): Promise<boolean> => {
    await server.del(nodes);
    await client.enqueue("task");
    rounds += 1;
    return rounds === 150;
  };
  await eventually(goOn, { within: 25_000, every: 10 });
  expect(died).toBeGreaterThan(2);
  expect(died).toBeLessThan(15);
  expect(joined).toBeLessThanOrEqual(died + 1);
});
