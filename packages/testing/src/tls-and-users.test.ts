import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { createCertificates, redisWay, startProxy, startRedis } from "./index.js";

const attempt = { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 } as const;

test.skipIf(redisWay() !== "process")(
  "a server with TLS is reached by whoever trusts its authority, through a proxy too, and by nobody else",
  async () => {
    await using server = await startRedis({ tls: await createCertificates() });
    expect(server.url).toMatch(/^rediss:/);
    expect(await server.client().ping()).toBe("PONG");
    await using proxy = await startProxy(server.url);
    const trusting = new Redis(proxy.url, { ...attempt, tls: { ca: server.ca } });
    expect(await trusting.ping()).toBe("PONG");
    trusting.disconnect();
    for (const stranger of [
      new Redis(server.url, attempt),
      new Redis(server.url.replace("rediss:", "redis:"), attempt),
    ]) {
      stranger.on("error", () => {});
      await expect(stranger.ping()).rejects.toThrow();
    }
  },
);

describe.skipIf(redisWay() === "url")("a server's users", () => {
  test("may do what their rules say, also after a restart", async () => {
    const rules = ["~mine:*", "&*", "+@all", "-@dangerous", "+info"];
    await using server = await startRedis({ users: [{ name: "me", password: "p@ss:word", rules }] });
    const me = new Redis(server.urlAs("me"));
    expect(await me.set("mine:1", "yes")).toBe("OK");
    await expect(me.set("yours:1", "no")).rejects.toThrow("NOPERM");
    await expect(me.flushall()).rejects.toThrow("NOPERM");
    await server.restart();
    expect(await me.set("mine:1", "yes")).toBe("OK");
    me.disconnect();
    expect(() => server.urlAs("you")).toThrow(expect.objectContaining({ code: "INVALID" }));
  });

  test("cannot have a space in what is said of them", async () => {
    const users = [{ name: "me", password: "two words", rules: [] }];
    await expect(startRedis({ users })).rejects.toMatchObject({ code: "INVALID" });
  });
});
