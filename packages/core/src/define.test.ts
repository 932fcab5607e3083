import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { cron, every, once } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { createScheduler, type Scheduler } from "./index.js";
import { runIdOf } from "./run-id.js";
import { upsert } from "./scripts/index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const bench = (): Promise<StoreBench> => new StoreBench(server).ready();
const client = (namespace = uniqueNamespace("define")): Scheduler =>
  createScheduler({ redis: server.url, namespace, logger: silentLogger, partitions: 1 }); // as a bench has
const cursorOf = async ({ redis, store }: StoreBench, job: string): Promise<number> =>
  Number(await redis.zscore(store.keys.due, job));

describe("id", () => {
  test("S8: by three processes at the same time gives it once, and tells one of them that it was added", async () => {
    const namespace = uniqueNamespace("define");
    const clients = [client(namespace), client(namespace), client(namespace)];
    const jobs = Array.from({ length: 250 }, (_, index) => {
      return { task: "task", id: `job-${index}`, trigger: every(3_600_000) };
    });
    const reports = await Promise.all(clients.map((one) => one.apply(jobs)));
    const added = reports.flatMap((report) => report.added);
    expect(added).toHaveLength(250);
    expect(new Set(added).size).toBe(250);
    for (const report of reports)
      expect([...report.added, ...report.unchanged].sort()).toEqual(jobs.map(({ id }) => id).sort());
    const versions = new Set<number>();
    for await (const job of clients[0]?.jobs() ?? []) versions.add(job.version);
    expect(versions).toEqual(new Set([1]));
    await Promise.all(clients.map((one) => one.stop()));
  });

  test("S9: again and the same changes nothing, its place in time included; other options keep that place", async () => {
    await using on = await bench();
    await on.define("weekly", { trigger: every("7d") });
    const cursor = await cursorOf(on, "weekly");
    for (let restart = 0; restart < 5; restart += 1) {
      await on.advance(86_400_000);
      await on.define("weekly", { trigger: every("7d") });
    }
    expect(await cursorOf(on, "weekly")).toBe(cursor);
    expect((await on.job("weekly").get())?.version).toBe(1);
    await on.define("weekly", { trigger: every("7d"), priority: 5, input: [1] });
    expect(await cursorOf(on, "weekly")).toBe(cursor);
    expect(await on.job("weekly").get()).toMatchObject({ version: 2, priority: 5, input: [1] });
  });

  test("with another trigger takes back what was written ahead by the old one, and starts from now", async () => {
    await using on = await bench();
    await on.define("job", { trigger: every(10_000) });
    const first = await cursorOf(on, "job");
    const now = await on.now();
    const [due] = await on.write("job", [now - 5, first, first + 10_000], { next: first + 20_000 });
    await on.define("job", { trigger: every(7000) });
    expect(await on.redis.zrange(on.store.keys.unstarted, 0, -1)).toEqual([due]); // due before: it stays
    expect(await cursorOf(on, "job")).toBeGreaterThan(now);
    await expectSound(on);
  });

  test.each(["paused", "misfire"])(
    "what had come of the old one and was not written is missed: %s",
    async (reason) => {
      await using on = await bench();
      const first = (await on.now()) + 1000;
      await on.define("job", { trigger: every(1000, { from: new Date(first) }) });
      if (reason === "paused") await on.redis.set(on.store.keys.pause("job:job"), "by an operator");
      await on.write("job", []); // the leader's look
      await on.advance(5500);
      await on.define("job", { trigger: every("1h") });
      const [missed, ...others] = await on.job("job").history();
      expect(others).toEqual([]);
      expect(missed).toMatchObject({ state: "missed", reason, count: 5, scheduledAt: new Date(first) });
      await on.define("job", { trigger: every("2h") });
      expect(await on.job("job").history()).toHaveLength(1);
      await expectSound(on);
    },
  );

  test("what a leader writes while the trigger is replaced is not missed as well", async () => {
    await using on = await bench();
    const now = await on.now();
    await on.define("job", { trigger: every(1000) });
    const cursor = await cursorOf(on, "job");
    const { prefix, ...keys } = on.store.keys;
    const record = (await on.redis.hget(keys.jobs, "job"))?.replace(/^1/, "2") ?? "";
    await on.advance(5500);
    await on.write("job", [cursor], { expected: cursor, next: cursor + 1000 });
    const jobs = ["job", `1 ${now + 60_000} ${now} 5 ${cursor} ${cursor + 4000} 1`, record];
    const caller = on.store.keys.caller("test");
    const args = {
      ...on.store.history,
      ...on.store.founding,
      set: "",
      mark: "",
      number: 1,
      caller_ttl: 60_000,
    };
    const [, done] = await upsert.run(on.store.commands, {
      keys: { ...keys, caller },
      args,
      lists: { jobs },
    });
    expect(done).toBe("0");
    expect(await on.job("job").history()).toEqual([]);
  });

  test("S2: a fire time that may have started under the old trigger is not given to the new one", async () => {
    await using on = await bench();
    await on.define("job", { trigger: every(1000) });
    const now = await on.now();
    const { prefix, ...keys } = on.store.keys;
    const record = (await on.redis.hget(keys.jobs, "job"))?.replace(/^1/, "2") ?? "";
    // The definition was computed at `now`, and takes until `now + 50` to arrive: `now + 20` has come meanwhile.
    await on.advance(50);
    const jobs = ["job", `1 ${now + 20} ${now}`, record];
    const caller = on.store.keys.caller("test");
    const args = {
      ...on.store.history,
      ...on.store.founding,
      set: "",
      mark: "",
      number: 1,
      caller_ttl: 60_000,
    };
    const [, done] = await upsert.run(on.store.commands, {
      keys: { ...keys, caller },
      args,
      lists: { jobs },
    });
    expect(done).toBe("0");
    expect((await on.job("job").get())?.version).toBe(1);
    // writeJobs computes it again until it fits, for the densest triggers too.
    await on.define("job", { trigger: every(1) });
    expect((await on.job("job").get())?.version).toBe(2);
  });
});

test("onConflict: keeps what is there, or refuses", async () => {
  await using on = await bench();
  await on.define("job", { priority: 1 });
  await on.define("job", { priority: 2, onConflict: "keep" });
  expect((await on.job("job").get())?.priority).toBe(1);
  await expect(on.define("job", { onConflict: "error" })).rejects.toMatchObject({ code: "JOB_EXISTS" });
});

describe("trigger", () => {
  test("once('now') fires at its creation by Redis' clock", async () => {
    await using on = await bench();
    const ahead = await on.advance(86_400_000);
    await on.define("job", { trigger: once("now") });
    expect(await cursorOf(on, "job")).toBe(ahead);
  });

  test("T6: H is hashed from the job's id: every process and every start agrees on it", async () => {
    await using on = await bench();
    for (const job of ["x", "y", "z"]) await on.define(job, { trigger: cron("H H * * *") });
    const cursors = new Map<string, number>();
    for (const job of ["x", "y", "z"]) {
      cursors.set(job, await cursorOf(on, job));
      await using other = client(on.store.namespace);
      expect((await other.job(job).nextFireTimes(1))[0]?.getTime()).toBe(cursors.get(job));
    }
    expect(new Set(cursors.values()).size).toBe(3);
  });

  test("every with a phase counts from its creation, whoever defines it again, and when", async () => {
    await using on = await bench();
    await on.define("job", { trigger: every(10_000, { phase: 3000 }) });
    const created = (await on.job("job").get())?.createdAt.getTime() ?? 0;
    expect(await cursorOf(on, "job")).toBe(created + 3000);
    await on.advance(25_000);
    await on.define("job", { trigger: every(10_000, { phase: 4000 }) });
    expect(await cursorOf(on, "job")).toBe(created + 34_000);
  });
});

describe("update", () => {
  test("by several at once loses no change", async () => {
    await using on = await bench();
    await on.define("job", { tags: ["a"] });
    await Promise.all([
      on.job("job").update({ priority: 7 }),
      on.job("job").update({ overlap: "allow" }),
      on.job("job").update({ timeout: 5000 }),
      on.job("job").update({ misfire: { grace: "2m" } }),
      on.job("job").update({ misfire: { catchUp: "all" } }),
    ]);
    expect(await on.job("job").get()).toMatchObject({
      ...{ version: 6, priority: 7, overlap: "allow", timeout: 5000, tags: ["a"] },
      misfire: { grace: 120_000, catchUp: "all", max: 100 },
    });
  });

  test("does not bring back one that is removed at the same time", async () => {
    await using on = await bench();
    await on.define("job");
    const update = on.job("job").update({ priority: 1 });
    const removed = await on.remove("job");
    await update.catch((error: unknown) => expect(error).toMatchObject({ code: "JOB_NOT_FOUND" }));
    expect(removed).toBe(true);
    if (await on.job("job").get()) throw new Error("it is back");
  });

  test("to something invalid changes nothing", async () => {
    await using on = await bench();
    await on.define("job", { priority: 3, trigger: cron("0 9 * * *") });
    const before = await on.redis.hget(on.store.keys.jobs, "job");
    for (const changes of [
      { priority: 1e9 },
      { trigger: { type: "cron", expr: "61 * * * *" } },
      { id: "another" },
      { onConflict: "keep" },
      { misfire: 5 },
      { misfire: { grace: -1 } },
      { unknown: 1 },
      null,
      7,
    ])
      await expect(on.job("job").update(changes as never), JSON.stringify(changes)).rejects.toMatchObject({
        code: expect.stringMatching(/^[A-Z_]+$/),
      });
    expect(await on.redis.hget(on.store.keys.jobs, "job")).toBe(before);
    if (await on.job("another").get()) throw new Error("another job was defined");
    await expect(on.job("none").update({ priority: 1 })).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });
});

describe("remove", () => {
  test("takes back all that was written ahead of it, and nothing of a job whose name begins the same", async () => {
    await using on = await bench();
    const now = await on.now();
    for (const job of ["a", "a.b", "a/b", "a-"]) {
      await on.define(job);
      await on.write(job, [now - 5, now + 50_000]);
    }
    expect(await on.remove("a")).toBe(true);
    expect(await on.remove("a")).toBe(false);
    expect((await on.redis.zrange(on.store.keys.unstarted, 0, -1)).map((run) => run.split("@")[0])).toEqual([
      ...["a-", "a-", "a.b", "a.b", "a/b", "a/b"],
    ]);
    await expectSound(on);
    const node = await on.node("n");
    expect((await node.take()).map((run) => run.split("@")[0]).sort()).toEqual(["a-", "a.b", "a/b"]);
  });

  test("leaves the run that runs alone", async () => {
    await using on = await bench();
    const node = await on.node("n");
    await on.define("job");
    const time = (await on.now()) - 1;
    await on.write("job", [time]);
    const { claimed } = await node.claim();
    await on.remove("job");
    expect(await node.complete(claimed)).toEqual([true]);
    expect((await on.run(runIdOf("job", time)).get())?.state).toBe("succeeded");
  });

  test("by apply's prune: those of the tag that are not declared any more", async () => {
    await using one = client();
    const job = (id: string, tags: string[]) => ({ task: "task", id, tags, trigger: every("1h") });
    await one.apply([job("old", ["mine"]), job("kept", ["mine"]), job("foreign", ["theirs"])]);
    const report = await one.apply([job("kept", ["mine"]), job("new", ["mine"])], { prune: { tag: "mine" } });
    expect(report).toEqual({ added: ["new"], updated: [], unchanged: ["kept"], removed: ["old"] });
    expect(await one.job("foreign").get()).toBeDefined();
  });
});

test("id of a run: the same queues one run, also after it has finished", async () => {
  await using on = await bench();
  await using one = client(on.store.namespace);
  const node = await on.node("n");
  await Promise.all([1, 2, 3].map((input) => one.enqueue("task", { id: "same", input })));
  const { claimed } = await node.claim();
  expect(claimed).toHaveLength(1);
  await node.complete(claimed, "s", '"done"');
  const again = await one.enqueue("task", { id: "same" });
  expect(await again.result()).toBe("done");
  expect(await node.take()).toEqual([]);
  await one.enqueueMany("task", [{ id: "x" }, { id: "x" }]);
  expect(await node.take()).toEqual(["x"]);
});

test("at, delay: waits until then, by Redis' clock", async () => {
  await using on = await bench();
  await using one = client(on.store.namespace);
  const now = await on.now();
  await one.enqueue("task", { id: "at", at: new Date(now + 50_000) });
  await one.enqueue("task", { id: "delay", delay: 20_000 });
  await one.enqueue("task", { id: "past", at: new Date(now - 50_000) });
  const node = await on.node("n", 600_000);
  expect(await one.run("at").get()).toMatchObject({
    state: "scheduled",
    scheduledAt: new Date(now + 50_000),
  });
  expect(await node.take()).toEqual(["past"]);
  await on.advance(30_000);
  expect(await node.take()).toEqual(["delay"]);
  await on.advance(30_000);
  expect(await node.take()).toEqual(["at"]);
});

describe("enqueue, enqueueMany", () => {
  test("S5: a process whose wall clock is days off queues, defines and reads as the others do", async () => {
    const redisNow = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: redisNow + 5 * 86_400_000 });
    try {
      await using skewed = client();
      const handle = await skewed.enqueue("task");
      const at = (await handle.get())?.scheduledAt.getTime() ?? 0;
      expect(Math.abs(at - redisNow)).toBeLessThan(60_000);
      const job = await skewed.schedule("task", { id: "job", trigger: every("1h") });
      expect(Math.abs((job.nextFireTime?.getTime() ?? 0) - redisNow - 3_600_000)).toBeLessThan(60_000);
      await using on = await bench();
      await on.define("written", { trigger: every(10_000) });
      const coming = await cursorOf(on, "written");
      await on.write("written", [coming], { next: coming + 10_000 });
      await using reader = client(on.store.namespace);
      expect((await reader.job("written").get())?.nextFireTime).toEqual(new Date(coming));
      await using other = client(skewed.namespace);
      expect((await other.job("job").get())?.nextFireTime).toEqual(job.nextFireTime);
    } finally {
      vi.useRealTimers();
    }
  });

  test("X3: what is queued comes back as it was: __proto__, big integers as text, empty lists, odd characters", async () => {
    await using on = await bench();
    await using one = client(on.store.namespace);
    const text = `{"__proto__":{"a":1},"empty":[],"none":{},"big":"9007199254740993","odd":"\\u0000\\ud800 \\u2028 é 😀","deep":${"[".repeat(2000)}${"]".repeat(2000)}}`;
    const input: unknown = JSON.parse(text);
    await one.enqueue("task", { id: "__proto__", input });
    await one.schedule("constructor", { id: "__proto__", trigger: every("1h"), input });
    const { claimed } = await (await on.node("n")).claim();
    const body = claimed[0]?.body ?? {};
    expect(JSON.stringify(body.input)).toBe(JSON.stringify(input));
    expect(JSON.stringify((await one.job("__proto__").get())?.input)).toBe(JSON.stringify(input));
    expect(Object.hasOwn(body.input as object, "__proto__")).toBe(true);
  });
});

test("a job that is defined is written ahead at once by a leader that sleeps", async () => {
  await using one = createScheduler({
    ...{ redis: server.url, namespace: uniqueNamespace("define"), logger: silentLogger },
    ...{ leaderTtl: 30_000, lookahead: 45_000, pollEvery: 30_000, nodeTtl: 30_000 },
  });
  const ran: string[] = [];
  one.task("task", ({ id }) => ran.push(id));
  await one.start();
  await eventually(() => one.isLeader());
  await one.schedule("task", { id: "soon", trigger: once("now") });
  await eventually(() => ran.length === 1, { within: 3000 });
});

test("a job can be told to run now by another trigger, and then runs once", async () => {
  const one = client();
  one.task("task", () => "done");
  await one.start();
  await one.schedule("task", { id: "job", trigger: every("1h") });
  await one.schedule("task", { id: "job", trigger: once("now") });
  await eventually(async () => expect((await one.job("job").get())?.state).toBe("exhausted"));
  await one.schedule("task", { id: "job", trigger: once("now") });
  expect(await one.job("job").history()).toHaveLength(1);
  await one.stop();
});
