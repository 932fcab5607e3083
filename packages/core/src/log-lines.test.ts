import { describe, expect, test } from "vitest";
import { maxLine, plainFields, readLogLine, writeLogLine } from "./log-lines.js";

const line = { at: 1_795_240_806_000, level: "info", attempt: 1 } as const;
const bytes = (text: string): number => Buffer.byteLength(text);
const kept = (value: unknown): unknown => JSON.parse(JSON.stringify(plainFields({}, value)));

describe("a log line", () => {
  test("is read as it was written, control characters and all", () => {
    const message = 'a\nb\u0000 \u001b[31m "quoted" \u2028 🕰 \ud800';
    const text = writeLogLine({ ...line, message, fields: { n: 1 } });
    expect([...text].filter((character) => character < " ")).toEqual([]);
    expect(readLogLine("5-1", text)).toEqual({
      ...{ id: "5-1", at: new Date(line.at), level: "info", attempt: 1, message, fields: { n: 1 } },
    });
  });

  test.each([
    ["a long message", "x".repeat(100_000), undefined],
    ["a message of control characters", "\u0000".repeat(5000), { kept: true }],
    ["a message of wide characters", "🕰".repeat(5000), { kept: true }],
    ["a long field among others", "short", { long: "x".repeat(5000), small: 1 }],
    ["a large object among others", "short", { large: Array.from({ length: 900 }, (_, n) => n), small: 1 }],
    ["many fields", "short", Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`name-${n}`, n]))],
  ])("that is too long is cut to 2 KiB and says so: %s", (_, message, fields) => {
    const text = writeLogLine(fields === undefined ? { ...line, message } : { ...line, message, fields });
    expect(bytes(text)).toBeLessThanOrEqual(maxLine);
    const read = readLogLine("5-1", text);
    expect(read?.cut).toBe(true);
    expect(read?.message.slice(0, 5)).toBe(message.slice(0, 5));
    if (fields !== undefined && "small" in fields) expect(read?.fields?.["small"]).toBe(1);
    if (fields !== undefined && "kept" in fields) expect(read?.fields).toEqual({ kept: true });
  });

  test("of exactly 2 KiB is whole", () => {
    const length = maxLine - bytes(writeLogLine({ ...line, message: "" }));
    expect(readLogLine("5-1", writeLogLine({ ...line, message: "x".repeat(length) }))).not.toHaveProperty(
      "cut",
    );
    expect(readLogLine("5-1", writeLogLine({ ...line, message: "x".repeat(length + 1) }))).toHaveProperty(
      "cut",
    );
  });

  test("that others wrote and that is none is left out", () => {
    expect(readLogLine("5-1", "no JSON")).toBeUndefined();
    expect(readLogLine("5-1", "null")).toBeUndefined();
  });
});

describe("fields", () => {
  test("hold errors, with their cause, and what JSON cannot", () => {
    const error = new TypeError("wrong", { cause: new Error("deeper") });
    expect(kept({ error })).toEqual({
      error: {
        name: "TypeError",
        message: "wrong",
        stack: expect.stringContaining("TypeError: wrong"),
        cause: expect.objectContaining({ message: "deeper" }),
      },
    });
    const odd = { big: 2n ** 70n, nan: Number.NaN, date: new Date(0), never: undefined, call: () => 1 };
    expect(kept(odd)).toEqual({ big: String(2n ** 70n), nan: "NaN", date: "1970-01-01T00:00:00.000Z" });
    expect(kept({ bytes: Buffer.alloc(9999), map: new Map([[1, 2]]), set: new Set() })).toEqual({
      ...{ bytes: "[9999 bytes]", map: "[1 items]", set: "[0 items]" },
    });
    expect(kept([1, undefined])).toEqual({ value: [1, null] });
  });

  test("survive cycles, getters and proxies that throw, and toJSON that never comes to an end", () => {
    const circle: Record<string, unknown> = { name: "circle" };
    circle["self"] = circle;
    const throws = {
      get secret(): string {
        throw new Error("getter");
      },
      fine: 1,
    };
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("proxy");
        },
      },
    );
    class Endless {
      toJSON(): Endless {
        return new Endless();
      }
    }
    expect(kept({ circle, throws, hostile, endless: new Endless(), last: 1 })).toEqual({
      circle: { name: "circle", self: "[circular]" },
      throws: { secret: "[cannot be read]", fine: 1 },
      hostile: "[cannot be shown]",
      endless: "[…]",
      last: 1,
    });
  });

  test("keep names such as __proto__ as names, and what is shared without being a cycle", () => {
    const shared = { x: 1 };
    const fields = plainFields({}, JSON.parse('{"__proto__":{"polluted":true}}'));
    expect(JSON.stringify(fields)).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(kept({ a: shared, b: shared })).toEqual({ a: { x: 1 }, b: { x: 1 } });
  });

  test("are looked at up to a bound, however large and deep they are", () => {
    let deep: unknown = "bottom";
    for (let depth = 0; depth < 100_000; depth += 1) deep = { deep };
    let reads = 0;
    const wide = Array.from({ length: 300 }, () => ({
      get item(): string {
        reads += 1;
        return "x".repeat(5000);
      },
    }));
    expect(JSON.stringify(kept({ deep }))).toContain("[…]");
    expect(JSON.stringify(kept({ wide })).length).toBeLessThan(250_000);
    expect(reads).toBeLessThan(200);
  });

  test("of child loggers are overridden by those of the line", () => {
    expect(plainFields({ a: 1, b: 1 }, { b: 2 })).toEqual({ a: 1, b: 2 });
    expect(plainFields({}, {})).toBeUndefined();
    expect(plainFields({}, undefined)).toBeUndefined();
  });
});
