import { createKeys } from "@escapement/redis/internal";
import {
  eventually,
  type JobStore,
  redisWay,
  type StoreClient,
  startJobStore,
  startProxy,
  uniqueNamespace,
} from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../test/silent-logger.js";
import { createScheduler, type EventsOptions, type Scheduler, type SchedulerEvent } from "./index.js";

let server: JobStore;
let redis: StoreClient;
beforeAll(async () => {
  server = await startJobStore();
  redis = server.client();
});
afterAll(() => server.stop());

const partitions = 4;
const client = (namespace: string, url = server.url): Scheduler =>
  createScheduler({ redis: url, namespace, partitions, logger: silentLogger });

/** One entry of a partition's stream, with a line for each name. */
async function tell(namespace: string, partition: number, names: readonly string[], id = "*"): Promise<void> {
  const { events } = createKeys(namespace, partition);
  const at = id === "*" ? Date.now() : (id.split("-")[0] ?? "");
  await redis.xadd(events, id, "t", at, "e", names.map((name) => `jobUpdated ${name}`).join("\n"));
}

async function told(scheduler: Scheduler, options: EventsOptions): Promise<SchedulerEvent[]> {
  const events: SchedulerEvent[] = [];
  for await (const event of scheduler.events({ follow: false, ...options })) events.push(event);
  return events;
}

const names = (events: readonly SchedulerEvent[]): string[] =>
  events.map((event) => ("jobId" in event ? (event.jobId ?? "") : event.type));

describe("events of several partitions", () => {
  test("are told in the order of their times, each partition's in its own, and go on behind each of them", async () => {
    const namespace = uniqueNamespace("events");
    await using reader = client(namespace);
    const expected: string[] = [];
    for (let step = 0; step < 60; step += 1) {
      const partition = (step * step) % partitions;
      const some = Array.from({ length: 1 + (step % 3) }, (_, line) => `${partition}-${step}-${line}`);
      await tell(namespace, partition, some, `${1000 + step}-0`);
      expected.push(...some);
    }
    const all = await told(reader, { since: "start" });
    expect(names(all)).toEqual(expected);
    expect(new Set(all.map(({ id }) => id)).size).toBe(expected.length);
    for (const [index, { id }] of all.entries())
      expect(await told(reader, { since: id })).toEqual(all.slice(index + 1));
    expect(names(await told(reader, { since: new Date(1030) }))).toEqual(
      expected.filter((name) => Number(name.split("-")[1]) >= 30),
    );
    expect(await told(reader, {})).toEqual([]);
  });

  test("are neither lost nor told twice, whoever leaves and comes back while they come in", async () => {
    const namespace = uniqueNamespace("events");
    await using reader = client(namespace);
    const count = 2000;
    const writing = (async () => {
      for (let at = 0; at < count; at += 5) {
        const some = Array.from({ length: 5 }, (_, line) => `${at + line}`);
        await tell(namespace, (at / 5) % partitions, some);
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
    const numbers = names(seen).map(Number);
    expect([...numbers].sort((one, other) => one - other)).toEqual(
      Array.from({ length: count }, (_, at) => at),
    );
    for (let partition = 0; partition < partitions; partition += 1) {
      const own = numbers.filter((number) => Math.floor(number / 5) % partitions === partition);
      expect(own).toEqual([...own].sort((one, other) => one - other));
    }
  });

  test("come though the other partitions are silent, and end when they are left, with all connections", async () => {
    const namespace = uniqueNamespace("events");
    await using reader = client(namespace);
    await reader.load();
    const admins = server.servers.map((one) => one.client());
    const said = async (say: (admin: (typeof admins)[number]) => Promise<unknown>): Promise<string> =>
      (await Promise.all(admins.map(say))).join("");
    const connections = async (): Promise<number> =>
      (await said((admin) => admin.client("LIST"))).trim().split("\n").length;
    const before = await connections();
    const events = reader.events();
    const first = events.next();
    await eventually(async () => (await connections()) === before + partitions);
    await eventually(async () => /blocked_clients:[1-9]/.test(await said((admin) => admin.info("clients"))));
    await tell(namespace, 2, ["now"]);
    expect(await first).toMatchObject({ done: false, value: { type: "jobUpdated", jobId: "now" } });
    const waiting = events.next();
    await events.return?.();
    expect(await waiting).toMatchObject({ done: true });
    await eventually(async () => (await connections()) === before);
    const stop = new AbortController();
    const stopped = reader.events({ signal: stop.signal }).next();
    stop.abort();
    expect(await stopped).toMatchObject({ done: true });
    const last = reader.events().next();
    await reader.stop();
    expect(await last).toMatchObject({ done: true });
  });

  test("tell of a gap in one stream, and go on in all", async () => {
    const namespace = uniqueNamespace("events");
    await using reader = client(namespace);
    for (const [partition, id] of [
      [0, "1000-0"],
      [1, "1001-0"],
      [0, "1002-0"],
    ] as const)
      await tell(namespace, partition, [`${partition}-${id}`], id);
    const all = await told(reader, { since: "start" });
    await redis.xtrim(createKeys(namespace, 0).events, "MAXLEN", 0);
    await tell(namespace, 0, ["later"], "1005-0");
    await tell(namespace, 1, ["last"], "1006-0");
    const since = all.at(0)?.id ?? "";
    expect(names(await told(reader, { since }))).toEqual(["1-1001-0", "gap", "later", "last"]);
  });

  test("go on behind ids of the same number of partitions only", async () => {
    const namespace = uniqueNamespace("events");
    await using reader = client(namespace);
    for (const since of [
      "1-0.1",
      "1-0.1,1-0.1",
      "start,start,start,start",
      "1-0.1,1-0.1,1-0.1,x",
      "1-0.1,1-0.1,1-0.1,",
    ])
      expect(() => reader.events({ since }), since).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION" }),
      );
    expect(() => reader.events({ since: "0-0.0,0-0.0,0-0.0,0-0.0" })).not.toThrow();
  });

  test.skipIf(redisWay() === "url")("go on when their connections break", async () => {
    const namespace = uniqueNamespace("events");
    await using proxy = await startProxy(server.url);
    await using reader = client(namespace, proxy.url);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of reader.events({ since: "start" })) {
        seen.push(...names([event]));
        if (seen.length === 120) return;
      }
    })();
    for (let at = 0; at < 120; at += 1) {
      await tell(namespace, at % partitions, [`${at}`]);
      if (at % 40 === 20) proxy.cut();
    }
    await reading;
    expect(seen.map(Number).sort((one, other) => one - other)).toEqual(
      Array.from({ length: 120 }, (_, at) => at),
    );
  });
});
