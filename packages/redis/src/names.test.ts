import { describe, expect, it } from "vitest";
import { createKeys } from "./keys.js";
import { checkName, checkNamespace, show } from "./names.js";
import { parseRedisUrl, redactRedisUrl } from "./url.js";

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
  ])("X5: %s is refused without showing a password", (text) => {
    try {
      parseRedisUrl(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "INVALID_REDIS_URL" });
      expect(`${error} ${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain("secret");
    }
  });

  it("are shown without user and password", () => {
    expect(redactRedisUrl("redis://me:secret@host:1/2")).toBe("redis://***@host:1/2");
    expect(redactRedisUrl("me:secret@host")).not.toContain("secret");
    expect(redactRedisUrl("secret")).toBe("(not a Redis URL)");
  });
});
