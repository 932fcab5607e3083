import { describe, expect, test } from "vitest";
import { eventually, redisWay, type Sentinel, startSentinel } from "./index.js";

describe.skipIf(redisWay() !== "process")("sentinels", () => {
  test("make another server the master when it is killed, and when they are told to", async () => {
    await using sentinel: Sentinel = await startSentinel({ downAfter: 500 });
    const [first] = sentinel.servers;
    expect(await sentinel.primary()).toBe(first);
    const client = sentinel.client();
    await client.set("kept", "yes");
    expect(await client.wait(2, 10_000)).toBe(2);

    await first?.kill();
    const second = await eventually(async () => {
      const now = await sentinel.primary();
      return now === first ? null : now;
    });
    expect(await second?.client().get("kept")).toBe("yes");
    await eventually(async () => (await client.get("kept")) === "yes");

    const third = await sentinel.failover();
    expect(third).not.toBe(second);
    expect((await third.client().role())[0]).toBe("master");
  });

  test("remember after a restart who the master is", async () => {
    await using sentinel = await startSentinel({ replicas: 1, downAfter: 500 });
    const [watcher] = sentinel.sentinels;
    const now = await sentinel.failover();
    await eventually(async () => {
      const master = await watcher?.client().call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster");
      expect(master).toEqual(["127.0.0.1", String(now.port)]);
    });
    await watcher?.kill();
    await watcher?.restart();
    expect(await watcher?.client().call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")).toEqual([
      "127.0.0.1",
      String(now.port),
    ]);
  });
});

test.skipIf(redisWay() === "process")("sentinels are for child processes", async () => {
  await expect(startSentinel()).rejects.toMatchObject({ code: "UNSUPPORTED" });
});
