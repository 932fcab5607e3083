import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Breaking } from "../test/breaking.js";
import { Cluster, heard } from "../test/cluster.js";
import { expectSound, later } from "../test/store-bench.js";
import { told } from "../test/told.js";
import { pauseTarget } from "./pause.js";
import { resumeTarget } from "./resume.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const boom = { error: { name: "TypeError", message: "no figures" } };

describe("pauseAfterFailures", () => {
  test("after so many runs in a row that failed, whatever else ran, the job is paused with the last error as the reason", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 3 });
    await bench.define("other", { pauseAfterFailures: 3 });
    await bench.fails("job");
    await bench.fails("other", "f", boom);
    await bench.fails("job");
    expect(await bench.series("job")).toEqual(["scheduled", 2]);
    await bench.fails("job", "f", boom);
    expect(await bench.series("job")).toEqual(["errored", 3]);
    expect(await bench.series("other")).toEqual(["scheduled", 1]);
    const now = await bench.now();
    expect(await bench.said()).toMatchObject({
      reason: "TypeError: no figures",
      by: "escapement",
      failures: 3,
    });
    const since = String((await bench.said())?.["since"]);
    expect(new Date(since).toISOString()).toBe(since);
    expect(Math.abs(Date.parse(since) - now)).toBeLessThan(60_000);
    const [paused, ...more] = (await told(bench)).filter(({ type }) => /aused/.test(type));
    expect(paused).toMatchObject({ type: "paused", target: "job:job", failures: 3 });
    expect(more).toMatchObject([
      { type: "autoPaused", jobId: "job", failures: 3, reason: "TypeError: no figures" },
    ]);
    expect(more).toHaveLength(1);
    await expectSound(bench);
  });

  test("a job without it never pauses itself, and nothing is kept of its failures", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job");
    for (let run = 0; run < 5; run += 1) await bench.fails("job");
    expect(await bench.series("job")).toEqual(["scheduled", 0]);
    expect(await bench.keysLeft()).not.toContain("failing");
  });

  test("what is due, and further attempts, wait until it is resumed; what runs goes on", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 1, overlap: "allow", retry: { attempts: 2 } });
    const now = await bench.now();
    const [, b, , d] = await bench.write("job", [now - 4, now - 3, now - 2, now - 1]);
    const claimed = await bench.claim(3);
    await bench.end([claimed[0]], "f");
    await bench.end([claimed[1]], "F", { result: "0" });
    expect(await bench.claim()).toEqual([]);
    await bench.end([claimed[2]], "s");
    expect(await bench.series("job")).toEqual(["errored", 1]);
    await resumeTarget(bench.store, { job: "job" });
    expect((await bench.claim()).map(({ run, attempt }) => [run, attempt])).toEqual([
      [b, 2],
      [d, 1],
    ]);
    await expectSound(bench);
  });

  for (const how of ["a fire time", "a run by hand"] as const)
    test(`a success of ${how} begins anew`, async () => {
      await using bench = await new Breaking(server).ready();
      await bench.define("job", { pauseAfterFailures: 2 });
      await bench.fails("job");
      if (how === "a fire time") await bench.write("job", [(await bench.now()) - 1]);
      else await bench.runNow("job");
      await bench.end(await bench.claim(), "s");
      expect(await bench.series("job")).toEqual(["scheduled", 0]);
      await bench.fails("job");
      expect(await bench.series("job")).toEqual(["scheduled", 1]);
      await bench.fails("job");
      expect(await bench.series("job")).toEqual(["errored", 2]);
    });

  test("a run counts when its retries are used up, once", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 2, retry: { attempts: 3 } });
    await bench.runNow("job");
    for (const outcome of ["F", "T", "f"] as const) {
      expect((await bench.series("job"))[1]).toBe(0);
      await bench.end(await bench.claim(), outcome, { result: "0" });
    }
    expect(await bench.series("job")).toEqual(["scheduled", 1]);
    await bench.runNow("job");
    await bench.end(await bench.claim(), "F", { result: "0" });
    await bench.end(await bench.claim(), "s"); // at its second attempt
    expect(await bench.series("job")).toEqual(["scheduled", 0]);
  });

  test("timed-out and lost runs count, cancelled, skipped and vetoed ones neither count nor begin anew", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 3, delivery: "at-most-once", deadLetter: false });
    await bench.fails("job", "t");
    await bench.fails("job", "l", { reason: "stopped" });
    expect(await bench.series("job")).toEqual(["scheduled", 2]);
    for (const outcome of ["c", "v", "b"] as const) {
      const run = await bench.runNow("job");
      await bench.end(await bench.claim(), outcome);
      if (outcome === "b") await bench.run(run).cancel();
      expect(await bench.series("job"), outcome).toEqual(["scheduled", 2]);
    }
    const one = await bench.runNow("job");
    const claimed = await bench.claim();
    await bench.write("job", [await bench.advance(1)]);
    expect(await bench.claim()).toEqual([]); // skipped, since that one runs
    expect(await bench.run(one).cancel()).toBe(true);
    await bench.end(claimed, "f"); // it was to be cancelled, and ends so
    expect(await bench.series("job")).toEqual(["scheduled", 2]);
    await bench.fails("job", "t", boom);
    expect(await bench.said()).toMatchObject({ reason: "TypeError: no figures", failures: 3 });
  });

  test("a run lost with its node counts; the leader pauses the job and hears of it", async () => {
    await using bench = await new Breaking(server).ready();
    const autoPaused: unknown[] = [];
    bench.events.on("autoPaused", (event) => autoPaused.push(event));
    await bench.define("job", { pauseAfterFailures: 2, delivery: "at-most-once", overlap: "allow" });
    await bench.runNow("job");
    await bench.runNow("job");
    expect(await bench.claim()).toHaveLength(2);
    await bench.redis.zadd(bench.store.keys.nodes, 1, "node");
    await bench.recover();
    expect(await bench.series("job")).toEqual(["errored", 2]);
    expect(await bench.said()).toMatchObject({ reason: "lost: node-dead", failures: 2 });
    await expect.poll(() => autoPaused).toEqual([{ jobId: "job", failures: 2, reason: "lost: node-dead" }]);
  });

  test("several that fail in one request pause it once, whatever comes before and behind them", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 3, overlap: "allow" });
    for (let run = 0; run < 9; run += 1) await bench.runNow("job");
    const claimed = await bench.claim();
    const answer = await bench.end(claimed, ["f", "f", "s", "f", "f", "f", "f", "s", "f"]);
    expect(await bench.series("job")).toEqual(["errored", 3]);
    const passed = answer.passed.filter(({ state }) => state === "autoPaused");
    expect(passed).toEqual([{ run: "job", state: "autoPaused", reason: '3 "failed"' }]);
    expect((await told(bench)).filter(({ type }) => type === "autoPaused")).toHaveLength(1);
  });

  test("the request that pauses it starts nothing more of it, and answers the same when it is repeated", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 1, overlap: "allow" });
    await bench.runNow("job");
    await bench.runNow("job");
    const claimed = await bench.claim(1);
    const first = await bench.end(claimed, "f", { slots: 5 });
    expect(first.claimed).toEqual([]);
    await bench.end(claimed, "f", { slots: 5, number: bench.node1.number });
    expect(await bench.series("job")).toEqual(["errored", 1]);
    expect((await told(bench)).filter(({ type }) => type === "autoPaused")).toHaveLength(1);
  });

  test("an operator's own pause is left as it is, and when it is over a new series begins", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 2, overlap: "allow" });
    for (let run = 0; run < 3; run += 1) await bench.runNow("job");
    const claimed = await bench.claim();
    await bench.redis.set(bench.key, "wrong figures", "EX", 1000);
    await bench.end(claimed, "f");
    expect(await bench.redis.get(bench.key)).toBe("wrong figures");
    expect(await bench.redis.ttl(bench.key)).toBeGreaterThan(0);
    expect(await bench.series("job")).toEqual(["paused", 2]);
    expect((await told(bench)).filter(({ type }) => type === "autoPaused")).toEqual([]);
    await resumeTarget(bench.store, { job: "job" });
    expect(await bench.series("job")).toEqual(["scheduled", 0]);
    await bench.fails("job");
    expect(await bench.series("job")).toEqual(["scheduled", 1]);
  });

  for (const how of ["resumed", "deleted by hand", "expired"] as const)
    test(`after its pause was ${how} a new series begins`, async () => {
      await using bench = await new Breaking(server).ready();
      await bench.define("job", { pauseAfterFailures: 2 });
      for (let run = 0; run < 2; run += 1) await bench.fails("job");
      if (how === "resumed") await resumeTarget(bench.store, { job: "job" });
      else if (how === "expired") await bench.redis.pexpire(bench.key, 1);
      else await bench.redis.del(bench.key);
      await expect.poll(() => bench.redis.exists(bench.key)).toBe(0);
      expect(await bench.series("job")).toEqual(["scheduled", 0]);
      await bench.fails("job"); // before the leader has looked
      await bench.watch();
      expect(await bench.series("job")).toEqual(["scheduled", 1]);
      await bench.fails("job");
      expect(await bench.series("job")).toEqual(["errored", 2]);
      await bench.redis.del(bench.key);
      await bench.watch();
      expect(await bench.redis.exists(bench.store.keys.failing)).toBe(0);
    });

  test("while it is paused so, runs that end change nothing, however often they fail or succeed", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 2, overlap: "allow" });
    for (let run = 0; run < 7; run += 1) await bench.runNow("job");
    const claimed = await bench.claim();
    await bench.end(claimed.slice(0, 2), "f", { detail: boom });
    const before = await bench.redis.get(bench.key);
    await bench.end(claimed.slice(2, 3), "s");
    await bench.end(claimed.slice(3), "f");
    expect(await bench.redis.get(bench.key)).toBe(before);
    expect(await bench.series("job")).toEqual(["errored", 2]);
    expect((await told(bench)).filter(({ type }) => type === "autoPaused")).toHaveLength(1);
    await bench.redis.del(bench.key);
    await bench.fails("job");
    expect(await bench.series("job")).toEqual(["scheduled", 1]);
  });

  test("a definition that changes something else keeps the count, a lower number counts from the next failure, none forgets it", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 5 });
    for (let run = 0; run < 3; run += 1) await bench.fails("job");
    await bench.define("job", { pauseAfterFailures: 5 });
    await bench.define("job", { pauseAfterFailures: 5, priority: 5 });
    expect(await bench.series("job")).toEqual(["scheduled", 3]);
    await bench.define("job", { pauseAfterFailures: 2 });
    expect(await bench.series("job")).toEqual(["scheduled", 3]);
    await bench.fails("job");
    expect(await bench.series("job")).toEqual(["errored", 4]);
    await resumeTarget(bench.store, { job: "job" });
    await bench.fails("job");
    await bench.define("job");
    expect(await bench.series("job")).toEqual(["scheduled", 0]);
    await bench.define("job", { pauseAfterFailures: 2 });
    await bench.fails("job");
    expect(await bench.series("job")).toEqual(["scheduled", 1]);
  });

  test("a removed job leaves neither count nor its own pause; what an operator said stays", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 1 });
    await bench.runNow("job");
    const old = await bench.claim();
    await bench.remove("job");
    await bench.define("job", { pauseAfterFailures: 1 });
    await bench.advance(1000);
    await bench.define("job", { pauseAfterFailures: 1, priority: 1 });
    await bench.end(old, "f"); // of the job that was removed
    expect(await bench.series("job")).toEqual(["scheduled", 0]);
    await bench.fails("job");
    expect(await bench.series("job")).toEqual(["errored", 1]);
    await bench.remove("job");
    await bench.watch();
    for (const key of ["failing", "pauses", "pause:job:job"])
      expect(await bench.keysLeft()).not.toContain(key);
    await pauseTarget(bench.store, { job: "job" }, { reason: "for good" });
    await bench.define("job", { pauseAfterFailures: 1 });
    await bench.remove("job");
    expect(await bench.said()).toMatchObject({ reason: "for good" });
  });

  test("a dead letter that is tried again and fails counts once more", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 2 });
    const run = await bench.fails("job");
    await bench.run(run).retry();
    await bench.end(await bench.claim(), "f", { detail: boom });
    expect(await bench.series("job")).toEqual(["errored", 2]);
    await bench.run(run).retry();
    expect(await bench.claim()).toEqual([]);
    await expectSound(bench);
  });

  const messages: [string, string, string][] = [
    [
      "10 KB",
      JSON.stringify({ error: { name: "Error", message: "ä".repeat(10_240) } }),
      `Error: ${"ä".repeat(492)}…`,
    ],
    [
      "control characters",
      JSON.stringify({ error: { name: "Error", message: 'a\u0000b\r\nc\u001b[31m"\\ \u2028/\u007f' } }),
      'Error: a\u0000b\r\nc\u001b[31m"\\ \u2028/\u007f',
    ],
    [
      "half a surrogate pair",
      JSON.stringify({ error: { name: "E", message: "x\ud83d y\ude00" } }),
      "E: x\ufffd y\ufffd",
    ],
    [
      "emoji to the brim",
      JSON.stringify({ error: { name: "E", message: "😀".repeat(400) } }),
      `E: ${"😀".repeat(248)}…`,
    ],
    ["no JSON", "it { broke", "failed"],
    ["deep JSON", `${'{"a":'.repeat(2000)}1${"}".repeat(2000)}`, "failed"],
    ["other types", '{"error":{"name":5,"message":{"a":[]}}}', "failed"],
    ["null", '{"error":null,"reason":null}', "failed"],
    ["no name", '{"error":{"name":"","message":"only this"}}', "only this"],
    [
      "what looks like an event",
      JSON.stringify({ error: { name: "x", message: "\nresumed job:job\n" } }),
      "x: \nresumed job:job\n",
    ],
  ];
  for (const [what, detail, reason] of messages)
    test(`an error of ${what} is kept as valid JSON of at most 500 characters, and can be read`, async () => {
      await using bench = await new Breaking(server).ready();
      await bench.define("job", { pauseAfterFailures: 1 });
      await bench.runNow("job");
      await bench.end(await bench.claim(), "f", { detail });
      expect(await bench.said()).toMatchObject({ reason, failures: 1 });
      expect(reason.length).toBeLessThanOrEqual(500);
      expect((await bench.job("job").get())?.pauses).toMatchObject([
        { target: "job:job", reason, by: "escapement" },
      ]);
      expect((await told(bench)).filter(({ type }) => type === "autoPaused")).toMatchObject([{ reason }]);
    });

  test("bytes that are no UTF-8 are replaced, so that the key holds valid JSON", async () => {
    await using bench = await new Breaking(server).ready();
    await bench.define("job", { pauseAfterFailures: 1 });
    await bench.runNow("job");
    const bytes = [0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xe2, 0x82, 0xac, 0xf0, 0x9f];
    const detail = Buffer.concat([
      Buffer.from('{"error":{"name":"E","message":"'),
      Buffer.from(bytes),
      Buffer.from('"}}'),
    ]);
    await bench.end(await bench.claim(), "f", { detail: detail as unknown as string });
    const stored = await bench.redis.getBuffer(bench.key);
    const text = new TextDecoder("utf8", { fatal: true }).decode(stored ?? Buffer.alloc(0));
    expect((JSON.parse(text) as { reason: string }).reason).toMatch(/^E: \ufffd+€\ufffd+$/);
  });

  for (const time of ["2096-02-29T23:59:59.999Z", "2099-12-31T00:00:00.000Z", "2100-03-01T12:34:56.007Z"])
    test(`at ${time} the key says so`, async () => {
      await using bench = await new Breaking(server).ready();
      await bench.define("job", { pauseAfterFailures: 1, trigger: every("1000h") });
      await bench.redis.set(bench.store.keys.clock, Date.parse(time));
      await bench.join("next");
      await bench.fails("job");
      expect(await bench.said()).toMatchObject({ since: time });
    });

  for (const value of [0, 1001, 1.5, "3", null, Number.NaN])
    test(`${String(value)} is refused, and nothing is stored`, async () => {
      await using bench = await new Breaking(server).ready();
      await expect(bench.define("job", { pauseAfterFailures: value as number })).rejects.toMatchObject({
        path: "pauseAfterFailures",
      });
      expect(await bench.redis.exists(bench.store.keys.jobs)).toBe(0);
    });

  test("three nodes that each fail one run: after exactly the third the job is paused everywhere, with its error in the key", async () => {
    await using cluster = new Cluster(server);
    const nodes = Array.from({ length: 3 }, () => cluster.scheduler({ concurrency: 1 }));
    const client = cluster.scheduler();
    const autoPaused = nodes.map((node) => heard(node, "autoPaused"));
    const starts = nodes.map((node) => heard(node, "beforeRun"));
    for (const [index, node] of nodes.entries()) {
      node.task(`only-${index}`, () => {
        throw new Error(`node ${index} could not`);
      });
      await node.start();
    }
    const define = (index: number): Promise<unknown> =>
      client.schedule(`only-${index}`, { id: "job", trigger: later, pauseAfterFailures: 3 });
    for (const index of [0, 1, 2]) {
      await define(index);
      expect(await client.job("job").get()).toMatchObject({ state: "scheduled", failuresInARow: index });
      const run = await client.job("job").runNow();
      await expect(run.result({ timeout: 5000 })).rejects.toMatchObject({ code: "RUN_FAILED" });
      expect((await run.get())?.node).toBe(nodes[index]?.nodeId);
    }
    const redis = server.client();
    const key = `escapement:{${cluster.namespace}}:pause:job:job`;
    const text = await eventually(() => redis.get(key)); // from another partition it is carried there
    expect(JSON.parse(text ?? "")).toMatchObject({ reason: "Error: node 2 could not", failures: 3 });
    redis.disconnect();
    expect(await client.job("job").get()).toMatchObject({ state: "errored", failuresInARow: 3 });
    await expect(client.job("job").runNow()).rejects.toMatchObject({ code: "JOB_PAUSED" });
    expect(starts.map((of) => of.length)).toEqual([1, 1, 1]);
    await expect
      .poll(() => autoPaused)
      .toEqual([[], [], [{ jobId: "job", failures: 3, reason: "Error: node 2 could not" }]]);
  });

  test("a job that fires fails three times on whichever nodes, and has no fourth start until it is resumed", async () => {
    await using cluster = new Cluster(server);
    const nodes = Array.from({ length: 3 }, () => cluster.scheduler({ concurrency: 1 }));
    const starts = nodes.map((node) => heard(node, "beforeRun"));
    let healed = false;
    for (const node of nodes) {
      node.task("task", () => {
        if (!healed) throw new Error("broken");
      });
      await node.start();
    }
    const [client] = nodes;
    await client?.schedule("task", {
      id: "job",
      trigger: every("100ms"),
      pauseAfterFailures: 3,
    });
    await expect
      .poll(async () => (await client?.job("job").get())?.state, { timeout: 10_000 })
      .toBe("errored");
    // Fire times come and are held back, as the leader says.
    const redis = server.client();
    await expect.poll(() => redis.zcard(cluster.keysOf("job").frozen), { timeout: 10_000 }).toBe(1);
    expect(starts.flat()).toHaveLength(3);
    healed = true;
    await eventually(() => redis.del(`escapement:{${cluster.namespace}}:pause:job:job`));
    redis.disconnect();
    await expect.poll(() => starts.flat().length, { timeout: 10_000 }).toBeGreaterThan(5);
    expect(await client?.job("job").get()).toMatchObject({ state: "scheduled", failuresInARow: 0 });
  });
});
