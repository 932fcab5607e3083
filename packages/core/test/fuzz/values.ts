import fc from "fast-check";

/** Stands in texts of inputs: no error may repeat it. */
export const marker = "payl0ad-of-a-job";

const throwing = (thrown: unknown): object =>
  Object.defineProperty({}, "value", {
    enumerable: true,
    get() {
      throw thrown;
    },
  });
const circular = (): object => {
  const value: Record<string, unknown> = { name: marker };
  value["self"] = [value];
  return value;
};
const nested = (depth: number): unknown => {
  let value: unknown = marker;
  for (let level = 0; level < depth; level++)
    value = level % 2 === 0 ? [value] : { [`k${level % 7}`]: value };
  return value;
};
const refusing = new Proxy(
  {},
  {
    get: (_, name) => () => {
      throw new Error(`the trap ${String(name)}`);
    },
  },
);
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
class Instance {
  readonly id = "instance";
  get task(): string {
    return "task";
  }
}

/** Values that no option is meant to have, each made anew. */
const monsters: readonly (() => unknown)[] = [
  () => throwing(new Error("a getter threw")),
  () => throwing(null),
  () => throwing("a text was thrown"),
  () => throwing({ message: 5 }),
  () => ({ toJSON: () => ({ from: "toJSON" }) }),
  () => ({ toJSON: () => undefined }),
  () => ({ toJSON: () => 5n }),
  () => ({
    toJSON() {
      throw null;
    },
  }),
  () => ({
    toString() {
      throw new Error("toString threw");
    },
  }),
  () => ({ [Symbol.toPrimitive]: () => ({}) }),
  () => ({
    get [Symbol.toStringTag]() {
      throw null;
    },
  }),
  () => new Proxy({}, refusing),
  () => new Proxy([], refusing),
  () => new Proxy(() => undefined, refusing),
  revoked,
  () => new Proxy({ id: "proxied", trigger: { type: "every", interval: 60_000 } }, {}),
  circular,
  () => nested(100),
  () => nested(20_000),
  () => Array.from({ length: 30_000 }, (_, index) => index),
  () => new Array(2 ** 32 - 1),
  () => Object.assign(new Array(4), { 1: 1, 3: "x" }),
  () => marker.repeat(10_000),
  () => "😀".repeat(40_000),
  () => "x".repeat(129),
  () => `a\u0000${marker}`,
  () => "\ud800",
  () => ({ "\udfff": "\ud83d" }),
  () => "\u001b[31m\u202e\r\n",
  () => Buffer.from([0xff, 0xfe, 0x00]),
  () => new Float64Array(3),
  () => JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
  () => Object.create({ polluted: 1 }),
  () => Object.create(null),
  () => new Instance(),
  () => new Map([["id", "a"]]),
  () => new Set(["a"]),
  () => Promise.resolve({ id: "a" }),
  () => ({ then: () => undefined }),
  () => ({ then: (give: (value: unknown) => void) => give({ id: "later" }) }),
  () => new Date(Number.NaN),
  () => new Date(8.64e15),
  () => new Error(`a message with ${marker}`),
  () => /a+$/,
  () => new String("boxed"),
  () => Object(1n),
  () => () => "a function",
  () => class {},
  () => Symbol("symbol"),
  () => 2n ** 70n,
  () => 10n,
];

const words = [
  ...["", " ", "a", "A b", "{a}", "a*", "?", "[a]", "a@b", "a#1", "~a", ":0", "a:1", "../x", "__proto__"],
  ...[
    "constructor",
    "toString",
    "prototype",
    "then",
    "null",
    "all",
    "default",
    "1e3",
    "-1",
    "0x10",
    "5 parsecs",
  ],
  ...["90s", "PT90S", "P1Y", "now", "missed", "2030-01-01", "2030-01-01T00:00:00Z", "skip", "wait", "none"],
];

const numbers = [
  ...[0, -0, 1, -1, 0.5, 1e308, 5e-324, 2 ** 31, 2 ** 31 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 1024],
  ...[
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    8.64e15,
    8.64e15 + 1,
    1_700_000_000_000,
  ],
];

/** Stands for a value that fast-check had better not touch, until {@link made}. */
export class Monster {
  readonly make: () => unknown;

  constructor(make: () => unknown) {
    this.make = make;
  }

  toString(): string {
    return `(${String(this.make)})()`;
  }
}

/** The value with its monsters made. */
export function made(value: unknown): unknown {
  if (value instanceof Monster) return value.make();
  if (Array.isArray(value)) return value.length > 10_000 ? value : value.map(made);
  const prototype: unknown =
    typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  if (prototype !== null && prototype !== Object.prototype) return value;
  const copy = Object.create(prototype) as object;
  for (const [name, part] of Object.entries(value as object))
    Object.defineProperty(copy, name, {
      value: made(part),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  return copy;
}

/** Anything. */
export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...monsters.map((make) => new Monster(make))) },
  { weight: 2, arbitrary: fc.constantFrom(...words) },
  { weight: 2, arbitrary: fc.constantFrom(...numbers) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(undefined, null, true, false, [], {}, [[]], [{}], [null], [undefined]),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 300 }) },
  {
    weight: 2,
    arbitrary: fc.anything({
      ...{ withBigInt: true, withDate: true, withMap: true, withSet: true, withObjectString: true },
      ...{ withNullPrototype: true, withSparseArray: true, withTypedArray: true, withBoxedValues: true },
    }),
  },
);

/** What JSON can hold, as inputs mostly are. */
export const payload: fc.Arbitrary<unknown> = fc.oneof(
  fc.json().map((text): unknown => JSON.parse(text)),
  fc.jsonValue({ maxDepth: 5, stringUnit: "binary" }),
  fc.record({ text: fc.string().map((text) => marker + text), list: fc.array(fc.double()) }),
  fc.constantFrom(2 ** 53, -0, 1e21, "", {}, [], [[]], null, JSON.parse('{"__proto__":[]}')),
);

/** One of a few ids, so that calls meet what earlier ones stored; now and then any text, or no text at all. */
export const id: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("a", "b", "c", "d:e/f-g.h_i", "__proto__", "constructor") },
  { weight: 2, arbitrary: fc.stringMatching(/^[A-Za-z0-9_.:/-]{1,128}$/) },
  { weight: 2, arbitrary: hostile },
);

/** A name of a task, queue or tag. */
export const name: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("task", "other", "default", "toString", "x") },
  { weight: 1, arbitrary: hostile },
);

/** A record of which some fields, or the whole, are hostile. */
export function nearly<T extends object>(
  fields: { [K in keyof T]: fc.Arbitrary<unknown> },
): fc.Arbitrary<unknown> {
  const whole = fc.record(fields as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [] });
  const spoilt = fc
    .tuple(whole, fc.constantFrom(...Object.keys(fields), "__proto__", "nope"), hostile)
    .map(([given, field, value]) => Object.defineProperty({ ...given }, field, { value, enumerable: true }));
  return fc.oneof(
    { weight: 8, arbitrary: whole },
    { weight: 4, arbitrary: spoilt },
    { weight: 1, arbitrary: hostile },
  );
}
