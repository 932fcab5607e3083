import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
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
    ["with a time that is none", (text: string) => text.replace(/"at":\d+/, '"at":"soon"'), "succeeded"],
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

  test("with a zero byte in its id, and another in a record, keep others from nothing, also later", async () => {
    await using cluster = new Cluster(server, { concurrency: 20 });
    const ids = idsTogether(3);
    const client = cluster.scheduler();
    const enqueue = (some: readonly string[]): Promise<unknown> =>
      client.enqueueMany(
        "task",
        some.map((id) => ({ id, input: { id } })),
      );
    await enqueue(ids);
    const [keys, redis] = [cluster.keysOf(ids[0] ?? ""), server.client()];
    const record = (await redis.hget(keys.runs, ids[2] ?? "")) ?? "";
    // As many pieces of the one as of the other, though they are others'.
    await redis.hset(keys.runs, "x\0y", record, ids[2] ?? "", `${record}\0`);
    await redis.zadd(`${keys.prefix}ready:default@task`, "1", "x\0y");

    const node = cluster.scheduler();
    const [inputs, back]: [[string, unknown][], unknown[]] = [[], heard(node, "handedBack")];
    node.task("task", ({ id, input }) => {
      inputs.push([id, input]);
    });
    await node.start();
    const all = [...ids.slice(0, 2), "later"];
    await enqueue(["later"]);
    await eventually(() => expect(inputs).toEqual(expect.arrayContaining(all.map((id) => [id, { id }]))));
    expect(inputs.filter(([id]) => all.includes(id))).toHaveLength(3);
    expect(back).toEqual([]);
  });

  test("an empty item in a history, keeps no run of the job from ending once", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    node.task("task", () => undefined);
    await node.schedule("task", { id: "job", trigger: every("1h") });
    const [list, redis] = [`${cluster.keysOf("job").prefix}history:job`, server.client()];
    await redis.rpush(list, "");
    await node.start();
    const run = await node.job("job").runNow();
    await eventually(async () => expect((await run.get())?.state).toBe("succeeded"));
    expect(await redis.llen(list)).toBe(1);
  });
});
