import { setTimeout as pause } from "node:timers/promises";
import { createScheduler } from "@escapement/core";
import type { RedisServer } from "@escapement/testing";
import { Meter, noTraffic, plus, type Traffic } from "./meter.js";
import { quiet } from "./quiet.js";

/** What nodes cost that have nothing to do, by the minute. */
export interface Idle {
  /** Over how many seconds it was read. */
  readonly seconds: number;
  /** `calls` are all commands, those that the node sent among them. */
  readonly leader: Traffic;
  /** One more node, which does not lead. */
  readonly follower: Traffic;
}

/** Starts a node, then another, with default settings and nothing to do, and reads Redis' counters for so many ms each time. */
export async function measureIdle(server: RedisServer, ms: number): Promise<Idle> {
  const redis = server.client();
  const meter = new Meter(redis, []);
  const options = { redis: server.url, namespace: `cost-idle-${process.pid}`, logger: quiet };
  const perMinute = async (): Promise<Traffic> => {
    await pause(Math.min(ms, 15_000)); // what starting costs is over, and the text of each script sent once
    const [, traffic] = await meter.around(() => pause(ms));
    return plus(noTraffic, traffic, 60_000 / ms);
  };
  await using one = createScheduler(options);
  one.task("task", () => undefined);
  await one.start();
  const leader = await perMinute();
  await using two = createScheduler(options);
  two.task("task", () => undefined);
  await two.start();
  const follower = plus(await perMinute(), leader, -1);
  redis.disconnect();
  return { seconds: ms / 1000, leader, follower };
}
