import { type JobStore, startJobStore } from "@escapement/testing";
import { cron, every, once } from "@escapement/triggers";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { Heap } from "./heap.js";
import type { ComingFireTime } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const shown = (times: readonly ComingFireTime[]): string[] =>
  times.map(({ at, jobId }) => `${at.getUTCFullYear()} ${jobId}`);

describe("the next fire times of all jobs", () => {
  test("are those of each job, merged in order, however few are asked for", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const jobs = Array.from({ length: 60 }, (_, index) => ({
      task: index % 2 === 0 ? "even" : "odd",
      id: `job-${String((index * 37) % 60).padStart(2, "0")}`,
      trigger: every(`${60 + ((index * 13) % 17)}m`, { phase: `${10 + (index % 5)}m` }),
      tags: index % 3 === 0 ? ["third"] : [],
    }));
    await client.apply(jobs);
    const each = await Promise.all(
      jobs.map(async ({ id }) =>
        (await client.job(id).nextFireTimes(30)).map((at) => ({ at: at.getTime(), id })),
      ),
    );
    const all = each.flat().sort((one, other) => one.at - other.at || (one.id < other.id ? -1 : 1));
    for (const count of [1, 7, 60, 61, 200]) {
      const times = await client.nextFireTimes({ count });
      expect(times.map(({ at, jobId }) => [at.getTime(), jobId])).toEqual(
        all.slice(0, count).map(({ at, id }) => [at, id]),
      );
    }
    const until = (await client.nextFireTimes({ count: 9 })).at(-1)?.at as Date;
    expect(await client.nextFireTimes({ until, count: 1000 })).toHaveLength(
      all.filter(({ at }) => at <= until.getTime()).length,
    );
    const some = await client.nextFireTimes({ tag: "third", task: "odd", match: "job-?1", count: 100 });
    const fit = jobs.filter(({ id, task, tags }) => task === "odd" && tags.length > 0 && /^job-.1$/.test(id));
    expect(new Set(some.map(({ jobId }) => jobId))).toEqual(new Set(fit.map(({ id }) => id)));
  });

  test("leave out what does not fire any more, and end where a job's maxRuns or endAt ends", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const yearly = cron("0 0 1 1 *", { timezone: "UTC" });
    const year = new Date().getUTCFullYear();
    await client.apply([
      { task: "any", id: "capped", trigger: yearly, maxRuns: 2 },
      { task: "any", id: "ending", trigger: yearly, endAt: new Date(Date.UTC(year + 1, 0, 1)) },
      { task: "any", id: "follows", dependsOn: ["capped"] },
      { task: "any", id: "once", trigger: once(new Date(Date.UTC(year + 2, 5, 1))) },
      {
        task: "any",
        id: "paced",
        trigger: every("200d", { after: "completion" }),
        startAt: new Date(Date.UTC(year + 4, 0, 1)),
      },
    ]);
    expect(shown(await client.nextFireTimes({ count: 100 }))).toEqual([
      `${year + 1} capped`,
      `${year + 1} ending`,
      `${year + 2} capped`,
      `${year + 2} once`,
      expect.stringMatching(/ paced$/),
    ]);
  });

  test("of a paused job are those after now, and say what holds it back", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    await client.apply([
      { task: "any", id: "held", trigger: every("1h"), tags: ["money"] },
      { task: "any", id: "free", trigger: every("90m") },
      { task: "any", id: "broken", trigger: every("1m") },
    ]);
    await client.pause({ tag: "money" }, { reason: "audit" });
    const [held, broken] = [cluster.keysOf("held"), cluster.keysOf("broken")];
    // Its cursor stands where the pause found it, long ago.
    await server.client().zrem(held.due, "held");
    await server.client().zadd(held.frozen, Date.now() - 86_400_000, "held");
    await server.client().hset(broken.jobs, "broken", "1 default any 0 r s - none 3\nno json");
    await server.client().zadd(broken.due, Date.now() - 86_400_000, "broken");
    const times = await client.nextFireTimes({ count: 3 });
    expect(times.map(({ jobId, pauses }) => [jobId, pauses.map(({ reason }) => reason)])).toEqual([
      ["held", ["audit"]],
      ["free", []],
      ["held", ["audit"]],
    ]);
    expect(times[0]?.at.getTime()).toBeGreaterThan(Date.now());
    const until = times[1]?.at as Date;
    expect((await client.nextFireTimes({ until })).map(({ jobId }) => jobId)).toEqual(["held", "free"]);
    const paused = await client.nextFireTimes({ state: "paused", count: 2 });
    expect(paused.map(({ jobId }) => jobId)).toEqual(["held", "held"]);
  });

  test("refuse what cannot be asked for", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    for (const [options, path] of [
      [{ count: 0 }, "count"],
      [{ count: 10_001 }, "count"],
      [{ until: "soon" }, "until"],
      [{ queue: "a b" }, "filter.queue"],
      [{ tags: "a" }, "options.tags"],
    ] as const)
      await expect(client.nextFireTimes(options as object)).rejects.toMatchObject({ path });
  });
});

test("a heap gives its items in order, whatever was put in between", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer())), (steps) => {
      const heap = new Heap<number>((one, other) => one < other);
      const model: number[] = [];
      for (const step of steps) {
        if (step === null) expect(heap.pop()).toBe(model.shift());
        else {
          heap.push(step);
          model.push(step);
          model.sort((one, other) => one - other);
        }
        expect([heap.peek(), heap.size]).toEqual([model[0], model.length]);
      }
    }),
  );
});
