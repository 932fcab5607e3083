import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allOf, anyOf, compileTrigger, InvalidTriggerError, parseTrigger } from "../index.js";
import { fuzzTimeout } from "./fuzz-flag.test-util.js";
import { hostile, outcomes, runs, useTrigger, useValue, watchOutcomes } from "./hostile.test-util.js";

watchOutcomes();

describe("hostile values are refused with InvalidTriggerError or understood", () => {
  it(
    "random values of all kinds in each place",
    () => {
      const anything = fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withObjectString: true,
        withSet: true,
        withSparseArray: true,
        withTypedArray: true,
        key: fc.constantFrom("type", "expr", "at", "triggers", "__proto__", "constructor", "version", "x"),
      });
      fc.assert(fc.property(anything, useValue), runs);
      expect(outcomes.refused).toBeGreaterThan(0);
    },
    fuzzTimeout,
  );

  it(
    "random properties on each type of trigger",
    () => {
      const types = ["cron", "every", "everyRandom", "daily", "weekly", "monthly", "calendarInterval"];
      const others = ["dailyWindow", "once", "anyOf", "allOf", "except"];
      const keys = [
        "expr",
        "timezone",
        "dialect",
        "gap",
        "overlap",
        "seed",
        "interval",
        "from",
        "to",
        "phase",
        "after",
      ];
      const more = [
        "min",
        "max",
        "every",
        "at",
        "on",
        "weekStart",
        "years",
        "months",
        "weeks",
        "days",
        "triggers",
      ];
      const value = fc.oneof(
        fc.anything({ maxDepth: 1 }),
        fc.integer({ min: -2, max: 100 }),
        fc.constantFrom(
          "09:00",
          "2030-01-01",
          "UTC",
          "* * * * *",
          "skip",
          ["09:00"],
          [1],
          [{ type: "once", at: [1e12] }],
        ),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -0, 1e300, 1e-300),
      );
      const properties = fc.dictionary(
        fc.constantFrom(...keys, ...more, "trigger", "calendar", "tolerance"),
        value,
      );
      const trigger = fc
        .tuple(fc.constantFrom(...types, ...others), properties)
        .map(([type, given]) => ({ ...given, type }));
      fc.assert(fc.property(trigger, useTrigger), runs);
    },
    fuzzTimeout,
  );

  it("numbers that are none, dates that are invalid, symbols, functions and holes", () => {
    const hole: unknown[] = [];
    hole.length = 10_000;
    const values: unknown[] = [
      ...[
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        -0,
        2 ** 53,
        -1,
        0.5,
        1e308,
        5e-324,
      ],
      ...[
        10n,
        Symbol("s"),
        Symbol.iterator,
        () => "x",
        class Trigger {},
        /x/,
        new Date(Number.NaN),
        new Date(8.64e15),
      ],
      ...[
        new Map([["type", "cron"]]),
        new Set(["cron"]),
        new Proxy({}, {}),
        new Uint8Array(8),
        null,
        undefined,
        true,
      ],
      ...[
        hole,
        new Array(2 ** 31),
        Object.create(null),
        Object.create({ type: "cron", expr: "* * * * *" }),
        [[]],
        "",
      ],
    ];
    for (const value of values) useValue(value);
    for (const value of values) useTrigger({ type: "once", at: [value] });
    for (const value of values) useTrigger({ type: "anyOf", triggers: [value] });
    expect(outcomes.refused).toBeGreaterThan(0);
  });
});

describe("a count", () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e9, -1])(
    "S10: steps through no more than 100,000 fire times, limit %d",
    (limit) => {
      const triggers = [
        { type: "every", interval: 1000, from: 0 } as const,
        { type: "cron", expr: "@daily" } as const,
      ];
      const compiled = compileTrigger({ type: "anyOf", triggers });
      let counted = 0;
      try {
        counted = compiled.count(0, 200_000_000, limit).count;
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidTriggerError);
      }
      expect(counted).toBeLessThanOrEqual(100_000);
    },
  );
});

describe("hostile objects are refused with InvalidTriggerError or understood", () => {
  const leaf = { type: "cron", expr: "0 0 * * *" } as const;

  it("combinators 1,000 deep, as JSON and by the builders", () => {
    for (const wrap of [
      (json: unknown) => ({ type: "anyOf", triggers: [json] }),
      (json: unknown) => ({ type: "allOf", triggers: [json, leaf] }),
      (json: unknown) => ({ type: "except", trigger: json, calendar: { type: "weekdays", days: [0] } }),
    ]) {
      let json: unknown = leaf;
      for (let depth = 0; depth < 1000; depth += 1) json = wrap(json);
      expect(() => parseTrigger(json)).toThrow(/deep/);
      useTrigger(json);
    }
    for (const build of [anyOf, allOf]) {
      outcomes.run("builders", "1,000 nested", () => {
        let trigger: unknown = leaf;
        for (let depth = 0; depth < 1000; depth += 1) trigger = build(hostile(trigger));
      });
    }
    const lists = (depth: number): unknown => (depth === 0 ? leaf : [lists(depth - 1)]);
    outcomes.run("anyOf", "lists 1,000 deep", () => anyOf(hostile(lists(1000))));
  });

  it("S10: combinators as wide and as deep as they may be, searched within bounds", () => {
    const wide = (type: string, triggers: readonly unknown[]) => ({ type, triggers });
    const minutes = Array.from({ length: 100 }, (_, n) => ({
      type: "cron",
      expr: `${n % 60} ${n % 24} ${(n % 28) + 1} * *`,
    }));
    useTrigger(wide("anyOf", minutes));
    useTrigger(wide("allOf", minutes));
    useTrigger(
      wide(
        "anyOf",
        Array.from({ length: 9 }, () => wide("allOf", minutes)),
      ),
    );
    useTrigger(
      wide(
        "allOf",
        Array.from({ length: 9 }, () => wide("anyOf", minutes)),
      ),
    );
    const clash = [
      { type: "every", interval: 2, from: 0 },
      { type: "every", interval: 2, from: 0, phase: 1 },
    ];
    useTrigger(wide("allOf", clash));
    let json: unknown = wide("allOf", clash);
    for (let depth = 0; depth < 15; depth += 1) json = wide("anyOf", [json, wide("allOf", clash)]);
    useTrigger(json);
    useTrigger({
      type: "except",
      trigger: { type: "every", interval: 1, from: 0 },
      calendar: { type: "cron", expr: "* * * * *" },
    });
    useTrigger({
      type: "allOf",
      triggers: [
        { type: "everyRandom", min: 1, max: 1 },
        { type: "everyRandom", min: 1, max: 2 },
      ],
    });
    useTrigger({ type: "once", at: Array.from({ length: 10_000 }, (_, n) => n * 1000) });
    useTrigger({ type: "once", at: Array.from({ length: 10_001 }, (_, n) => n * 1000) });
    useTrigger({ type: "everyRandom", min: 1, max: 1 });
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  it("objects that hold themselves", () => {
    const cyclic: Record<string, unknown> = { type: "anyOf" };
    cyclic["triggers"] = [cyclic];
    useTrigger(cyclic);
    const list: unknown[] = [];
    list.push(list);
    useValue(list);
    const self: Record<string, unknown> = { ...leaf };
    self["seed"] = self;
    useTrigger(self);
    expect(() => parseTrigger(cyclic)).toThrow(/deep/);
  });

  it("keys that reach for prototypes, which stay as they are", () => {
    for (const key of ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"]) {
      useTrigger(JSON.parse(`{"type":"cron","expr":"0 0 * * *","${key}":{"polluted":true}}`));
      useTrigger(JSON.parse(`{"${key}":{"type":"cron","expr":"0 0 * * *"}}`));
      useValue(JSON.parse(`{"${key}":{"polluted":true}}`));
    }
    expect(() => parseTrigger(JSON.parse('{"type":"cron","expr":"* * * * *","__proto__":{}}'))).toThrow(
      /__proto__/,
    );
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  it("accessors and proxies that throw", () => {
    const fail = (): never => {
      throw new RangeError("from the caller");
    };
    const traps = ["get", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor", "has"] as const;
    for (const trap of traps) useTrigger(new Proxy({ ...leaf }, { [trap]: fail }));
    for (const trap of traps)
      useTrigger({ type: "anyOf", triggers: [new Proxy({ ...leaf }, { [trap]: fail })] });
    for (const key of ["type", "expr", "timezone", "version"]) {
      useTrigger(Object.defineProperty({ ...leaf }, key, { enumerable: true, get: fail }));
    }
    const list = Object.defineProperty([1e12], "0", { get: fail });
    useTrigger({ type: "once", at: list });
    useTrigger({ type: "anyOf", triggers: Object.defineProperty([leaf], "0", { get: fail }) });
    useValue({ toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail, toJSON: fail });
    for (const target of [{}, []]) {
      const { proxy, revoke } = Proxy.revocable(target, {});
      revoke();
      useTrigger(proxy);
      useTrigger({ type: "once", at: proxy });
      useTrigger({ type: "cron", expr: proxy });
      useTrigger({ type: "anyOf", triggers: [proxy] });
    }
    expect(outcomes.refused).toBeGreaterThan(0);
  });
});
