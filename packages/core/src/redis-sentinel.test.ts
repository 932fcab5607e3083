import { eventually, redisWay, type Sentinel, startSentinel } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Ticking } from "../test/ticking.js";

describe.skipIf(redisWay() !== "process")("schedulers on a master that sentinels watch", () => {
  let sentinel: Sentinel;
  beforeAll(async () => {
    sentinel = await startSentinel({ downAfter: 500 });
  });
  afterAll(() => sentinel?.stop());

  const url = (): string =>
    `redis+sentinel://${sentinel.sentinels.map(({ port }) => `127.0.0.1:${port}`)}/${sentinel.name}`;

  test("go on by themselves on the new master when it stands still, and when that one is killed", async () => {
    await using ticking = await Ticking.start(url);
    const first = await sentinel.primary();
    await first.freeze();
    await ticking.goesOn();
    await first.thaw();
    const second = await sentinel.primary();
    expect(second).not.toBe(first);

    await second.kill();
    await ticking.goesOn();
    expect(await sentinel.primary()).not.toBe(second);
    await eventually(() => ticking.nodes.every((node) => node.health().ready), { within: 20_000 });
  });
});
