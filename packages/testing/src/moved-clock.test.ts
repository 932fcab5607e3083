import { describe, expect, test } from "vitest";
import { canMoveClocks, movedClock, redisWay, startProcess, startRedis } from "./index.js";

const hour = 3_600_000;

describe.skipIf(!canMoveClocks())("a clock that is moved", () => {
  test.skipIf(redisWay() !== "process")("is Redis' clock while it runs, ahead and back", async () => {
    const clock = await movedClock();
    await using redis = await startRedis({ env: clock.env });
    const client = redis.client();
    const ahead = async (): Promise<number> => Number((await client.time())[0]) * 1000 - Date.now();
    await client.set("key", "1", "PX", hour);
    expect(Math.abs(await ahead())).toBeLessThan(60_000);
    clock.move(2 * hour);
    expect(clock.ahead).toBe(2 * hour);
    expect(await ahead()).toBeGreaterThan(1.9 * hour);
    expect(await client.get("key")).toBeNull(); // by that clock its time is over
    clock.move(-2 * hour);
    expect(await ahead()).toBeLessThan(-1.9 * hour);
  });

  test("is a process's wall clock, and leaves its monotonic one alone", async () => {
    const clock = await movedClock();
    clock.move(-5 * hour);
    const text = `console.log(Date.now(), process.hrtime.bigint().toString())`;
    await using told = await startProcess(process.execPath, ["-e", text], { env: clock.env });
    const [wall, monotonic] = (await told.waitForLine(/\d/)).split(" ").map(Number);
    expect((wall ?? 0) - Date.now()).toBeLessThan(-4.9 * hour);
    expect(Math.abs((monotonic ?? 0) / 1e6 - Number(process.hrtime.bigint()) / 1e6)).toBeLessThan(60_000);
  });
});
