import { eventually, type JobStore, startJobStore, startProxy } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster, heard } from "../test/cluster.js";
import { join } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const cases = {
  "the answer to its joining is lost, more than once": [20_000, "lives"],
  "the answer to its joining is lost, and that identity is dead before it knows": [20_000, "dead"],
  "the answer to its joining is lost for longer than a lease": [1000, "over"],
} as const;
for (const [how, [nodeTtl, end]] of Object.entries(cases))
  test(`a drained node is drained still when it starts over and ${how}`, async () => {
    await using proxy = await startProxy(server.url);
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ redis: proxy.url, deadline: 500, nodeTtl, roles: ["worker"] });
    const starts = heard(node, "beforeRun");
    node.task("task", () => undefined);
    await node.start();
    const former = node.nodeId;
    const redis = server.client();
    const pauses = `escapement:{${cluster.namespace}}:pause:node:`;
    await redis.set(`${pauses}${former}`, "a new machine");
    // It is taken off the list and joins anew, the answer is lost, and it cannot ask again for a while.
    await proxy.refuse(true);
    const lost = proxy.cutAfter(join.sha);
    await redis.zrem(`escapement:{${cluster.namespace}}:nodes`, former ?? "");
    await eventually(() => lost.hit !== undefined, { within: 20_000 });
    expect(await redis.exists(`${pauses}${former}`)).toBe(0); // it has joined, and does not know
    const [joined = ""] = await redis.keys(`${pauses}*`);
    const [key, id] = [`escapement:{${cluster.namespace}}:`, joined.slice(pauses.length)];
    if (end === "dead") await redis.zadd(`${key}dead`, 0, id);
    if (end === "over")
      await eventually(async () => Number(await redis.zscore(`${key}nodes`, id)) < Date.now());
    const again = end === "lives" ? proxy.cutAfter(join.sha) : undefined;
    await proxy.refuse(false);
    await eventually(() => end !== "lives" || again?.hit !== undefined, { within: 20_000 });
    await eventually(() => node.nodeId !== former, { within: 20_000 });
    expect(joined === `${pauses}${node.nodeId}`).toBe(end === "lives");
    expect(await redis.keys(`${pauses}*`)).toEqual([`${pauses}${node.nodeId}`]);
    const client = cluster.scheduler();
    const run = await client.enqueue("task");
    await expect(run.result({ timeout: 500 })).rejects.toMatchObject({ code: "RESULT_TIMEOUT" });
    expect(starts).toEqual([]);
    await redis.del(`${pauses}${node.nodeId}`);
    await eventually(() => starts.length === 1, { within: 10_000 });
  });
