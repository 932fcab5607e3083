import { eventually, type JobStore, startJobStore, startRedis } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreBench } from "../test/store-bench.js";
import { client, told } from "../test/told.js";
import type { SchedulerEvent } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** Entries as the scripts write them, of one event each. */
async function fill(bench: StoreBench, count: number, name = "job"): Promise<void> {
  const pipeline = bench.redis.pipeline();
  for (let at = 0; at < count; at += 1)
    pipeline.xadd(bench.store.keys.events, "*", "t", Date.now(), "e", `jobUpdated ${name}-${at}`);
  await pipeline.exec();
}

const about = (events: readonly SchedulerEvent[]): (string | undefined)[] =>
  events.map((event) => ("jobId" in event ? event.jobId : event.type));

describe("events: going on behind an event", () => {
  test("gives exactly what came after it, also in the middle of what one step told", async () => {
    await using bench = await new StoreBench(server).ready();
    const ids = ["a", "b", "c", "d", "e"];
    for (const id of ids) await bench.define(id);
    const node = await bench.node("node");
    for (const id of ids) await bench.runNow(id);
    await node.complete((await node.claim()).claimed);
    const all = await told(bench);
    expect(all).toHaveLength(16);
    expect(new Set(all.map(({ id }) => id)).size).toBe(16);
    expect(new Set(all.map(({ id }) => id.split(".")[0])).size).toBe(8);
    for (const [index, { id }] of all.entries()) expect(await told(bench, id)).toEqual(all.slice(index + 1));
  });

  test("loses none and tells none twice, whoever leaves and comes back while events come in", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    const count = 1500;
    const writing = (async () => {
      for (let at = 0; at < count; at += 50) {
        const lines = Array.from({ length: 7 }, (_, line) => `jobUpdated step-${at}-${line}`).join("\n");
        await bench.redis.xadd(bench.store.keys.events, "*", "t", 1, "e", lines);
        await fill(bench, 43, `job-${at}`);
      }
    })();
    const seen: SchedulerEvent[] = [];
    let since = "start";
    while (seen.length < count) {
      let left = 1 + (seen.length % 137);
      for await (const event of reader.events({ since })) {
        seen.push(event);
        since = event.id;
        left -= 1;
        if (left === 0 || seen.length === count) break;
      }
    }
    await writing;
    const written = (await bench.redis.xrange(bench.store.keys.events, "-", "+")).flatMap(([, values]) =>
      (values[3] ?? "").split("\n").map((line) => line.split(" ")[1]),
    );
    expect(written).toHaveLength(count);
    expect(about(seen)).toEqual(written);
  });

  test("from a moment on: what was told at that very moment is part of it", async () => {
    await using bench = await new StoreBench(server).ready();
    const { events } = bench.store.keys;
    for (const id of ["1000-0", "2000-0", "2000-1", "3000-0"])
      await bench.redis.xadd(events, id, "t", id.split("-")[0] ?? "", "e", `jobUpdated at-${id}`);
    expect(about(await told(bench, new Date(2000)))).toEqual(["at-2000-0", "at-2000-1", "at-3000-0"]);
    expect(about(await told(bench, new Date(2001)))).toEqual(["at-3000-0"]);
    expect(about(await told(bench, new Date(0)))).toHaveLength(4);
  });

  test("if nothing is said, tells what comes after the call, whenever the first is asked for", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await bench.define("before");
    const events = reader.events();
    await reader.schedule("task", { id: "after", trigger: every("1h") });
    const next = await events.next();
    expect(next.value).toMatchObject({ type: "jobAdded", jobId: "after" });
    await events.return?.();
  });

  test("a stream that was trimmed meanwhile says so, once", async () => {
    await using bench = await new StoreBench(server).ready();
    await fill(bench, 20);
    const [first] = await told(bench);
    await bench.redis.xtrim(bench.store.keys.events, "MAXLEN", 5); // one of them the mark of where `told` ended
    const events = await told(bench, first?.id);
    expect(about(events)).toEqual(["gap", "job-16", "job-17", "job-18", "job-19"]);
    expect(about(await told(bench, events[0]?.id))).toEqual(["job-16", "job-17", "job-18", "job-19"]);
    expect(about(await told(bench))).toEqual(["job-16", "job-17", "job-18", "job-19"]);
    expect(about(await told(bench, new Date(1)))).toEqual(about(events));
    expect(about(await told(bench, events[2]?.id))).toEqual(["job-18", "job-19"]);
  });

  test("a slow reader holds a page of 100, and is told when what it had yet to read has gone", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await fill(bench, 1000);
    const events = reader.events({ since: "start" });
    await events.next();
    await bench.redis.xtrim(bench.store.keys.events, "MAXLEN", 3);
    const rest: SchedulerEvent[] = [];
    for await (const event of events) {
      rest.push(event);
      if ("jobId" in event && event.jobId === "job-999") break;
    }
    expect(about(rest).slice(0, 99)).toEqual(Array.from({ length: 99 }, (_, at) => `job-${at + 1}`));
    expect(about(rest).slice(99)).toEqual(["gap", "job-997", "job-998", "job-999"]);
  });

  test("a line of a later version is left out, and shifts no place", async () => {
    await using bench = await new StoreBench(server).ready();
    const lines = "jobAdded a\njobPolished a\nended broken\njobAdded b";
    await bench.redis.xadd(bench.store.keys.events, "*", "t", 1, "e", lines);
    const events = await told(bench);
    expect(about(events)).toEqual(["a", "b"]);
    expect(events.map(({ id }) => id.split(".")[1])).toEqual(["1", "4"]);
    expect(about(await told(bench, events[0]?.id))).toEqual(["b"]);
  });
});

describe("events: a reader", () => {
  test("goes on without loss when Redis is killed and comes back", async () => {
    await using own = await startRedis({ appendonly: "always" });
    await using bench = await new StoreBench(own).ready();
    await using reader = client(bench);
    const lines = ["a", "b", "c"].map((id) => `jobUpdated ${id}`).join("\n");
    const entry = (await bench.redis.xadd(bench.store.keys.events, "*", "t", 1, "e", lines)) ?? "";
    const seen: SchedulerEvent[] = [];
    const ended = new AbortController();
    const read = async (since: string, into: SchedulerEvent[]): Promise<void> => {
      for await (const event of reader.events({ since, signal: ended.signal })) into.push(event);
    };
    const reading = read("start", seen);
    await eventually(() => seen.length === 3);
    await own.kill();
    const middle: SchedulerEvent[] = [];
    const resumed = read(`${entry}.1`, middle); // begins while there is no Redis
    await own.restart();
    await fill(bench, 150);
    await eventually(() => seen.length === 153 && middle.length === 152, { within: 15_000 });
    const after = Array.from({ length: 150 }, (_, at) => `job-${at}`);
    expect(about(seen)).toEqual(["a", "b", "c", ...after]);
    expect(about(middle)).toEqual(["b", "c", ...after]);
    ended.abort();
    await Promise.all([reading, resumed]);
  });

  const ways: [string, (events: AsyncIterableIterator<SchedulerEvent>, end: AbortController) => unknown][] = [
    ["return, while it waits for an event", (events) => events.return?.()],
    ["its signal", (_events, end) => end.abort()],
  ];
  test.each(ways)("is ended by %s, and closes its connection", async (_name, how) => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await bench.define("job");
    const end = new AbortController();
    const blocked = async (): Promise<number> =>
      ((await bench.redis.client("LIST")) as string).split("\n").filter((line) => /cmd=xread /.test(line))
        .length;
    const events = reader.events({ since: "start", signal: end.signal });
    await events.next();
    const next = events.next();
    await eventually(async () => (await blocked()) === 1);
    await how(events, end);
    expect(await next).toEqual({ done: true, value: undefined });
    await eventually(async () => (await blocked()) === 0);
  });

  test("that is left with break leaves no connection, and one that asks for nothing opens none", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await bench.define("job");
    await reader.leader();
    const connections = async (): Promise<number> =>
      ((await bench.redis.client("LIST")) as string).split("\n").filter((line) => line !== "").length;
    const before = await connections();
    for (let turn = 0; turn < 5; turn += 1) for await (const _ of reader.events({ since: "start" })) break;
    reader.events({ since: "start" });
    await eventually(async () => (await connections()) <= before);
  });

  test("ends with its scheduler, and cannot be had of one that was stopped", async () => {
    await using bench = await new StoreBench(server).ready();
    const reader = client(bench);
    const next = reader.events().next();
    await reader.leader();
    await reader.stop();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(() => reader.events()).toThrow(expect.objectContaining({ code: "SCHEDULER_STOPPED" }));
  });

  test("after its signal gives nothing more of what it has read", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await fill(bench, 50);
    const end = new AbortController();
    const seen: SchedulerEvent[] = [];
    for await (const event of reader.events({ since: "start", signal: end.signal })) {
      seen.push(event);
      if (seen.length === 3) end.abort();
    }
    expect(seen).toHaveLength(3);
    for await (const _ of reader.events({ since: "start", signal: AbortSignal.abort() }))
      throw new Error("told");
  });

  test("is told at once where to begin is no place", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    for (const since of [
      "",
      "end",
      "5",
      "5-0",
      "5-0.x",
      `${2n ** 64n}-0.1`,
      5,
      null,
      {},
      new Date(Number.NaN),
    ])
      expect(() => reader.events({ since: since as string }), String(since)).toThrow(
        expect.objectContaining({ name: "InvalidOptionError", path: "since" }),
      );
    expect(() => reader.events({ signal: {} as AbortSignal })).toThrow(
      expect.objectContaining({ path: "signal" }),
    );
    expect(() => reader.events({ from: "start" } as object)).toThrow(
      expect.objectContaining({ path: "options.from" }),
    );
  });
});

describe("events: without going on", () => {
  test("ends with what there was, from the start, from a moment, or behind an event", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    const all = async (since: string | Date): Promise<SchedulerEvent[]> => {
      const events: SchedulerEvent[] = [];
      for await (const event of reader.events({ since, follow: false })) events.push(event);
      return events;
    };
    expect(await all("start")).toEqual([]);
    await fill(bench, 250);
    await bench.redis.xadd(
      bench.store.keys.events,
      "*",
      "t",
      1,
      "e",
      "jobUpdated x\njobUpdated y\njobUpdated z",
    );
    const kept = await all("start");
    expect(about(kept).slice(249)).toEqual(["job-249", "x", "y", "z"]);
    expect(about(await all(kept[250]?.id as string))).toEqual(["y", "z"]);
    expect(await all(kept.at(-1)?.id as string)).toEqual([]);
    expect(await all(new Date(0))).toEqual(kept);
    expect(await all(new Date(Date.now() + 60_000))).toEqual([]);
  });

  test("does not run after writers that write on", async () => {
    await using bench = await new StoreBench(server).ready();
    await using reader = client(bench);
    await fill(bench, 150);
    let seen = 0;
    for await (const _ of reader.events({ since: "start", follow: false })) {
      seen += 1;
      await fill(bench, 1, "late");
    }
    expect(seen).toBe(150);
    expect(() => reader.events({ follow: "no" as never })).toThrow(/true or false/);
  });
});
