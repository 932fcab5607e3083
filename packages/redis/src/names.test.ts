import { describe, expect, it } from "vitest";
import { createKeys } from "./keys.js";
import { checkName, checkNamespace, show } from "./names.js";
import { checkRedisUrl, parseClusterUrl, parseRedisUrl, redactRedisUrl } from "./url.js";

describe("names", () => {
  it.each(["a", "reports:daily", "a/b.c_d-e", "x".repeat(128), "__proto__"])(
    "X1: %s may be a name",
    (name) => {
      expect(checkName("job id", name)).toBe(name);
    },
  );

  it.each([
    "",
    "x".repeat(129),
    "a b",
    "a{b}",
    "a*",
    "a?",
    "[a]",
    "a@b",
    "a#1",
    "a~",
    "é",
    "a\n",
    7,
    null,
    undefined,
  ])("X2: %j may not", (name) => {
    expect(() => checkName("job id", name)).toThrow(expect.objectContaining({ code: "INVALID_NAME" }));
  });

  it("X2: a namespace may not look like a partition of another one", () => {
    expect(checkNamespace("billing:eu")).toBe("billing:eu");
    expect(() => checkNamespace("billing:1")).toThrow(/kept for partitions/);
  });

  it("X5: are shown without control characters and cut short", () => {
    expect(show("\u001b[31m\u202e\u0085")).toBe('"\\u001b[31m\\u202e\\u0085"');
    expect(show("x".repeat(1000)).length).toBeLessThan(100);
    expect(show(null)).toBe("null");
  });
});

describe("keys", () => {
  it("of one partition share one hash tag, and those of two do not", () => {
    const values = (partition: number): string[] => {
      const keys = createKeys("billing", partition);
      return Object.values(keys).map((value) => (typeof value === "function" ? value("a", "b") : value));
    };
    for (const key of values(0)) expect(key).toMatch(/^escapement:\{billing\}:/);
    for (const key of values(2)) expect(key).toMatch(/^escapement:\{billing:2\}:/);
  });

  it("X1: never meet, whatever the names", () => {
    const keys = createKeys("n");
    expect(keys.readyOf("a", "b:c")).not.toBe(keys.readyOf("a:b", "c"));
    expect(keys.lock("a@1", 2)).toBe("escapement:{n}:lock:a@1#2");
    expect(() => createKeys("a}{b")).toThrow(expect.objectContaining({ code: "INVALID_NAME" }));
  });
});

describe("Redis URLs", () => {
  it("are read with all their parts", () => {
    expect(parseRedisUrl("rediss://us%40er:p%3Aw@[::1]:6380/3")).toEqual({
      host: "::1",
      port: 6380,
      username: "us@er",
      password: "p:w",
      db: 3,
      tls: {},
    });
    expect(parseRedisUrl("redis://localhost")).toEqual({ host: "localhost", port: 6379 });
  });

  it.each([
    "nonsense",
    "http://:secret@localhost",
    "redis://:secret@",
    "redis://:secret@localhost/x",
    "redis://:secret%@localhost",
    "redis://:secret@localhost:99999",
    "secret@localhost:6379",
    "redis+sentinel://:secret@",
    "redis+sentinel://:secret@host",
    "redis+sentinel://:secret@host,/master",
    "redis+sentinel://:secret@host:99999/master",
    "redis+sentinel://:secret@host/master/x",
    "redis+sentinel://:secret@host/master/1/2",
    "redis+sentinel://:secret%@host/master",
    "redis+sentinel://:se@cret@host/master?password=secret",
    "redis+cluster://:secret@",
    "redis+cluster://:secret@host/0",
    "redis+cluster://:secret@host:port",
    "redis+cluster:secret@host",
  ])("X5: %s is refused without showing a password", (text) => {
    try {
      checkRedisUrl(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "INVALID_REDIS_URL" });
      expect(`${error} ${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain("secret");
    }
  });

  it("name a master that sentinels know", () => {
    expect(parseRedisUrl("redis+sentinel://one,[::2]:26380/my%20master")).toEqual({
      sentinels: [
        { host: "one", port: 26379 },
        { host: "::2", port: 26380 },
      ],
      name: "my master",
    });
    expect(parseRedisUrl("rediss+sentinel://me:p%3A:w@one/mymaster/3")).toEqual({
      sentinels: [{ host: "one", port: 26379 }],
      name: "mymaster",
      username: "me",
      password: "p::w",
      db: 3,
      tls: {},
      sentinelTLS: {},
      enableTLSForSentinelMode: true,
    });
  });

  it("name a cluster", () => {
    expect(parseClusterUrl("rediss+cluster://:secret@one:7000,two")).toEqual({
      nodes: [
        { host: "one", port: 7000 },
        { host: "two", port: 6379 },
      ],
      options: { password: "secret", tls: {} },
    });
    expect(() => parseClusterUrl("redis://one")).toThrow(/no Redis Cluster/);
    expect(() => parseRedisUrl("redis+cluster://one")).toThrow(/names a Redis Cluster/);
  });

  it("are shown without user and password", () => {
    expect(redactRedisUrl("redis+sentinel://me:sec@ret@a,b:1/master/2")).toBe(
      "redis+sentinel://***@a,b:1/master/2",
    );
    expect(redactRedisUrl("redis+cluster://a:1,b:2")).toBe("redis+cluster://a:1,b:2");
    expect(redactRedisUrl("redis+cluster://me:secret@a?x=secret")).toBe("(not a Redis URL)");
    expect(redactRedisUrl("redis://me:secret@host:1/2")).toBe("redis://***@host:1/2");
    expect(redactRedisUrl("me:secret@host")).not.toContain("secret");
    expect(redactRedisUrl("secret")).toBe("(not a Redis URL)");
    // A slash that should have been encoded: what stands before it looks like a host, and what follows like a name.
    for (const text of [
      "redis+sentinel://me:1/secret@host/master",
      "redis+cluster://:secret/x@host",
      "redis://me:1/secret@host",
    ])
      expect(redactRedisUrl(text)).toBe("(not a Redis URL)");
    expect(redactRedisUrl("redis+cluster://secret word")).toBe("(not a Redis URL)");
  });
});
