import { eventually, redisWay, type Sentinel, startSentinel } from "@escapement/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Connection, type ConnectOptions, connect } from "./connection.js";

describe.skipIf(redisWay() !== "process")("a connection by way of sentinels", () => {
  let sentinel: Sentinel;
  const open: Connection[] = [];

  beforeAll(async () => {
    sentinel = await startSentinel({ replicas: 1, downAfter: 500 });
  });
  afterAll(() => sentinel?.stop());
  afterEach(() => {
    for (const connection of open.splice(0)) connection.close();
  });

  const url = (name = sentinel.name): string =>
    `redis+sentinel://${sentinel.sentinels.map(({ port }) => `127.0.0.1:${port}`)}/${name}`;
  const opened = (options: Partial<ConnectOptions> = {}, address = url()): Connection => {
    const connection = connect(address, { profile: "commands", deadline: 1000, ...options });
    open.push(connection);
    return connection;
  };
  const pidOf = async (connection: Connection): Promise<number> => {
    const text = await connection.run("asking", (client) => client.info("server"));
    return Number(/process_id:(\d+)/.exec(text)?.[1]);
  };

  it("is one to the master, also while the sentinel that is asked first stands still or is gone", async () => {
    const { pid } = await sentinel.primary();
    const [first] = sentinel.sentinels;
    for (const fault of ["freeze", "kill"] as const) {
      await first?.[fault]();
      const connection = opened();
      await connection.ready(10_000);
      expect(await pidOf(connection)).toBe(pid);
    }
    await first?.restart();
  });

  it("says why, if the sentinels know no such master, and that a replica is not wanted", async () => {
    await expect(opened({}, url("nobody")).ready(1000)).rejects.toMatchObject({
      code: "REDIS_UNAVAILABLE",
      message: expect.stringContaining("no master by the name"),
    });
    const sentinels = [{ host: "127.0.0.1", port: 1 }];
    for (const [options, said] of [
      [{ sentinels }, "redis.name"],
      [{ sentinels, name: "mymaster", role: "slave" }, "redis.role"],
      [{ sentinels: [], name: "mymaster" }, "redis.sentinels"],
    ] as const)
      expect(() => connect({ ...options, sentinels: [...options.sentinels] }, { profile: "lease" })).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringContaining(said) }),
      );
  });

  it("leaves a master that stands still for the new one, and so does a subscriber to whom nobody spoke", async () => {
    const old = await sentinel.primary();
    const [commands, subscriber] = [opened(), opened({ profile: "subscriber" })];
    subscriber.checkWith(commands);
    await Promise.all([commands.ready(5000), subscriber.ready(5000)]);
    await subscriber.client.subscribe("channel");
    const heard: string[] = [];
    subscriber.client.on("message", (_, text: string) => heard.push(text));
    subscriber.on("restored", () => void subscriber.client.subscribe("channel"));
    await old.freeze();
    try {
      await eventually(async () => expect(await pidOf(commands)).not.toBe(old.pid), { within: 30_000 });
      await eventually(
        async () => {
          await commands.run("publishing", (client) => client.publish("channel", "hello"));
          return heard.length > 0;
        },
        { within: 20_000 },
      );
    } finally {
      await old.thaw();
    }
  });
});
