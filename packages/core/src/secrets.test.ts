import { inspect } from "node:util";
import {
  eventually,
  type JobStore,
  redisWay,
  startJobStore,
  startRedis,
  uniqueNamespace,
} from "@escapement/testing";
import { every } from "@escapement/triggers";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fast } from "../test/cluster.js";
import { createScheduler, type RedisSource, type Scheduler, type SchedulerEvents } from "./index.js";

const secret = "s3cret/of the store";
/** However it is written: as it is, or as a URL has it. */
const forms = [secret, encodeURIComponent(secret)];
const payload = "payl0ad-of-a-job";
const events = [
  ...(["error", "storeLost", "storeRestored", "beforeRun", "afterRun", "afterError", "lockRefused"] as const),
  ...(["nodeJoined", "nodeDead", "nodeLeft", "leaderElected", "leaderLost", "jobAdded"] as const),
] satisfies (keyof SchedulerEvents)[];

let server: JobStore;
beforeAll(async () => {
  if (redisWay() !== "url") server = await startJobStore({ password: secret });
});
afterAll(() => server?.stop());

/** Everything that a scheduler says of itself: its log at the lowest level, its events, its health, its doctor, its errors, its looks. */
class Ear {
  readonly heard: string[] = [];
  readonly logger = pino({ level: "trace" }, { write: (line: string) => void this.heard.push(line) });

  hear(what: unknown): void {
    this.heard.push(inspect(what, { depth: 12, showHidden: true }), String((what as Error)?.stack));
    if (!(what instanceof Error)) return;
    this.heard.push(JSON.stringify(what), JSON.stringify({ ...what }), String(what.cause));
  }

  listen(scheduler: Scheduler): Scheduler {
    for (const event of events) scheduler.on(event, (details) => this.hear(details));
    return scheduler;
  }

  async ask(scheduler: Scheduler): Promise<void> {
    this.heard.push(inspect(scheduler), JSON.stringify(scheduler), String(scheduler));
    this.hear(scheduler.health());
    for (const ask of [() => scheduler.doctor(), () => scheduler.pauses()])
      try {
        this.hear(await ask());
      } catch (error) {
        this.hear(error);
      }
  }

  expectNothing(of: readonly string[]): void {
    expect(this.heard.length).toBeGreaterThan(5);
    for (const text of of) expect(this.heard.filter((line) => line.includes(text))).toEqual([]);
  }
}

describe.skipIf(redisWay() === "url")(
  "X5: neither the password nor an input stands in a log, an event, an error, health or doctor",
  () => {
    const open = (ear: Ear, redis: RedisSource, more: object = {}): Scheduler =>
      ear.listen(
        createScheduler({
          ...fast,
          redis,
          namespace: uniqueNamespace("core"),
          deadline: 150,
          ...more,
          logger: ear.logger,
        }),
      );
    const host = (): { host: string; port: number } => ({
      host: "127.0.0.1",
      port: server.servers[0]?.port ?? 0,
    });
    const wrong = "wr0ng:and secret";

    test.each<[string, () => RedisSource, object?]>([
      [
        "that is wrong, in a URL",
        () => server.url.replace(encodeURIComponent(secret), encodeURIComponent(wrong)),
      ],
      ["that is wrong, in options", () => ({ ...host(), password: wrong })],
      ["of a user that there is not", () => ({ ...host(), username: "nobody", password: wrong })],
      ["of a server that is not there", () => `redis://:${encodeURIComponent(wrong)}@127.0.0.1:1`],
      [
        "of sentinels that are not there",
        () => ({
          sentinels: [{ host: "127.0.0.1", port: 1 }],
          name: "m",
          password: wrong,
          sentinelPassword: wrong,
        }),
      ],
      ["of a cluster that is not there", () => `redis+cluster://:${encodeURIComponent(wrong)}@127.0.0.1:1`],
      [
        "of voters that are not there",
        () => server.url,
        { voters: [1, 2, 3].map((port) => `redis://:${encodeURIComponent(wrong)}@127.0.0.1:${port}`) },
      ],
      ["sent to a server that speaks no TLS", () => server.url.replace(/^redis/, "rediss")],
    ])("a password %s", async (_, redis, more) => {
      const ear = new Ear();
      const scheduler = open(ear, redis(), more);
      scheduler.task("task", () => undefined);
      for (const doing of [
        () => scheduler.start(),
        () => scheduler.enqueue("task", { input: payload }),
        () => scheduler.schedule("task", { id: "job", trigger: every("1s"), input: payload }),
      ])
        await doing().catch((error: unknown) => ear.hear(error));
      await ear.ask(scheduler);
      await scheduler.stop({ timeout: 10 });
      ear.expectNothing([...forms, wrong, encodeURIComponent(wrong), payload]);
    });

    test("the right one, while Redis is full, reads only, loses its scripts, stands still, dies and comes back", async () => {
      await using own = await startRedis({ password: secret });
      const ear = new Ear();
      const scheduler = open(ear, own.url);
      const redis = own.client();
      scheduler.task("task", ({ log, input }) => {
        log.info("a line");
        if (input === payload) throw new Error("the handler's own words");
      });
      await scheduler.start();
      await scheduler.schedule("task", { id: "job", trigger: every("1s"), input: payload });
      const failing = async (): Promise<void> => {
        await scheduler.enqueue("task", { input: payload }).catch((error: unknown) => ear.hear(error));
        await ear.ask(scheduler);
      };
      const healthy = async (): Promise<void> => {
        await eventually(() => scheduler.health().ready, { within: 20_000 });
      };
      await redis.config("SET", "maxmemory", "1");
      await failing();
      await redis.config("SET", "maxmemory", "0");
      await redis.call("REPLICAOF", "127.0.0.1", "1");
      await failing();
      await redis.call("REPLICAOF", "NO", "ONE");
      await redis.script("FLUSH");
      await redis.config("SET", "requirepass", "another");
      await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await failing();
      await redis.config("SET", "requirepass", secret);
      await healthy();
      await own.freeze();
      await failing();
      await own.thaw();
      await own.kill();
      await failing();
      await own.restart();
      await healthy();
      await scheduler.stop({ timeout: 100 });
      ear.expectNothing([...forms, payload]);
    }, 60_000);
  },
);
