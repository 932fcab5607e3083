import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard, idsTogether } from "../test/cluster.js";
import { Following } from "../test/following.js";
import { expectSound } from "../test/store-bench.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("a record that somebody else has written", () => {
  test.each([
    ["without a grace", / 60000 /, " - "],
    ["with a limit that is no number", / cl=\d+/, " cl=many"],
    ["with a rate that is none", / kr=\S+/, " kr=often"],
    ["with a priority that is no number", / 0 r /, " nan r "],
  ])("%s, keeps no other job's run from starting", async (_, part, instead) => {
    await using bench = await new Following(server).ready();
    await bench.parents("a");
    await bench.define("child", {
      dependsOn: ["a"],
      concurrencyKey: "key",
      concurrencyLimit: 3,
      rateLimit: { max: 5, per: "1s" },
    });
    const { jobs } = bench.store.keys;
    const text = (await bench.redis.hget(jobs, "child")) ?? "";
    expect(text).toMatch(part);
    await bench.redis.hset(jobs, "child", text.replace(part, instead));
    const [t] = await bench.fire(["a", "child"]);
    expect(await bench.next()).toContain(`a@${t}`);
    await bench.end(`a@${t}`);
    await bench.next();
    await expectSound(bench);
  });

  test.each([
    ["with line feeds in its input", (text: string) => text.replace('"n":2', '\n  "n": 2\n'), "succeeded"],
    ["with a zero byte in its input", (text: string) => text.replace('"n":2', '"n":2,"s":"\0"'), "failed"],
    ["that is no JSON", (text: string) => text.replace('"n":2', '"n":'), "failed"],
  ] as const)("%s, keeps no other run that is claimed with it from starting", async (_, change, state) => {
    await using cluster = new Cluster(server, { concurrency: 10 });
    const ids = idsTogether(5);
    const other = ids[2] ?? "";
    const client = cluster.scheduler();
    await client.enqueueMany(
      "task",
      ids.map((id, n) => ({ id, input: { n } })),
    );
    const [key, redis] = [cluster.keysOf(other).runs, server.client()];
    const text = (await redis.hget(key, other)) ?? "";
    expect(change(text)).not.toBe(text);
    await redis.hset(key, other, change(text));

    const node = cluster.scheduler();
    const [inputs, back]: [unknown[], unknown[]] = [[], heard(node, "handedBack")];
    node.task("task", ({ id, input }) => {
      inputs.push([id, input]);
    });
    await node.start();
    await eventually(async () => {
      const runs = await Promise.all(ids.map((id) => client.run(id).get()));
      expect(runs.map((run) => run?.state)).toEqual(ids.map((id) => (id === other ? state : "succeeded")));
    });
    const began = ids.filter((id) => id !== other || state === "succeeded");
    expect(inputs.sort()).toEqual(began.map((id) => [id, { n: ids.indexOf(id) }]));
    expect(back).toEqual([]);
  });
});
