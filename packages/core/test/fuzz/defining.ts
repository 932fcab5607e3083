import fc from "fast-check";
import type { Scheduler } from "../../src/index.js";
import { defineJobs } from "../../src/index.js";
import { definition as anything } from "./definitions.js";
import { type Option, options, right, wrong } from "./options.js";
import { hostile, Monster, made } from "./values.js";

/**
 * - `right`: of values that each option takes; refused only for what is stored, or is not
 * - `wrong`: with values that some options never take; refused
 * - `hostile`: with anything in some options, or anything at all; either
 */
export type Quality = "right" | "wrong" | "hostile";

/** A definition, or some changes of one, as drawn: {@link made} makes of `options` what is handed over. */
export interface Drawn {
  readonly quality: Quality;
  /** The options with wrong values. */
  readonly spoilt: readonly Option[];
  readonly options: unknown;
}

export const kinds = ["schedule", "apply", "apply a set", "job.update"] as const;

/** One call that defines jobs. */
export interface Defining {
  readonly what: (typeof kinds)[number];
  readonly definitions: readonly Drawn[];
  /** The job to update. */
  readonly id?: unknown;
  readonly how?: {
    readonly prune?: { readonly tag: string };
    readonly dryRun?: boolean;
    readonly force?: boolean;
  };
  readonly set?: { readonly name: string; readonly version: number };
}

type Values = Readonly<Partial<Record<Option, unknown>>>;

/** Options in a shape that is as good as a plain object, and less plain. */
class Shaped extends Monster {
  readonly shape: string;
  readonly values: object;

  constructor(shape: string, values: object) {
    super(() => shaped(shape, made(values) as object));
    this.shape = shape;
    this.values = values;
  }

  override toString(): string {
    return `${this.shape}(${fc.stringify(this.values)})`;
  }
}

function shaped(shape: string, values: object): object {
  switch (shape) {
    case "frozen":
      return Object.freeze(values);
    case "without prototype":
      return Object.assign(Object.create(null) as object, values);
    case "inherited":
      return Object.create(values) as object;
    case "proxied":
      return new Proxy(values, {});
    default: {
      const accessors = Object.entries(values).map(
        ([name, value]) => [name, { get: () => value as unknown, enumerable: true }] as const,
      );
      return Object.defineProperties({}, Object.fromEntries(accessors));
    }
  }
}

/** As plain as they mostly are; with fields of a prototype only where these are read. */
function inSomeShape(values: fc.Arbitrary<Values>, shapes: readonly string[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 5, arbitrary: values },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom(...shapes), values).map((of) => new Shaped(...of)),
    },
  );
}

const shapes = ["frozen", "without prototype", "proxied", "accessors"];
const of = (option: Option): fc.Arbitrary<unknown> => fc.constantFrom(...right[option]);
/** Rarely given: it takes other jobs to be there, or refuses if this one is. */
const rare: readonly Option[] = ["dependsOn", "then", "onConflict"];
const often = options.filter((name) => !rare.includes(name));

function valuesOf(names: readonly Option[]): fc.Arbitrary<Values> {
  return fc.record(Object.fromEntries(names.map((name) => [name, of(name)]))) as fc.Arbitrary<Values>;
}

/** Some options with values that they take. */
const someRight: fc.Arbitrary<Values> = fc
  .tuple(
    fc.subarray([...often], { maxLength: 8 }),
    fc.oneof(
      { weight: 6, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.subarray([...rare], { maxLength: 2 }) },
    ),
  )
  .chain(([names, more]) => {
    const all: Option[] = [...names, ...more];
    // A key's limits are nothing without the key.
    if (all.includes("concurrencyLimit") || all.includes("rateLimit")) all.push("concurrencyKey");
    return valuesOf([...new Set(all)]);
  });

/** A whole definition with values that options take: with a trigger, or now and then after other jobs. */
const wholeRight: fc.Arbitrary<Values> = fc
  .tuple(valuesOf(["id", "task", "trigger"]), someRight, fc.nat(19))
  .map(([needed, more, luck]): Values => {
    if (luck > 0) return { ...more, ...needed };
    const { trigger: _, ...untied } = needed;
    const { startAt: _1, endAt: _2, jitter: _3, ...rest } = more;
    return { dependsOn: ["a"], ...rest, ...untied };
  });

const rightly = (options: unknown): Drawn => ({ quality: "right", spoilt: [], options });
const inquisitive = (options: unknown): Drawn => ({ quality: "hostile", spoilt: [], options });

function spoiltWith(
  values: fc.Arbitrary<Values>,
  names: readonly Option[],
  value: (name: Option) => fc.Arbitrary<unknown>,
): fc.Arbitrary<{ values: Values; spoilt: Option[] }> {
  return fc.tuple(values, fc.subarray([...names], { minLength: 1, maxLength: 3 })).chain(([sound, spoilt]) =>
    fc.tuple(...spoilt.map(value)).map((found) => ({
      values: { ...sound, ...Object.fromEntries(spoilt.map((name, index) => [name, found[index]])) },
      spoilt,
    })),
  );
}

function drawnFrom(
  sound: fc.Arbitrary<Values>,
  names: readonly Option[],
  fit: readonly string[],
  oftenRight = 18,
): fc.Arbitrary<Drawn> {
  const bad = spoiltWith(sound, names, (name) => fc.constantFrom(...wrong[name]));
  const odd = spoiltWith(sound, names, () => hostile);
  return fc.oneof(
    { weight: oftenRight, arbitrary: inSomeShape(sound, fit).map(rightly) },
    {
      weight: 4,
      arbitrary: bad.map(({ values, spoilt }): Drawn => ({ quality: "wrong", spoilt, options: values })),
    },
    { weight: 3, arbitrary: odd.map(({ values }) => inquisitive(values)) },
    { weight: 1, arbitrary: anything.map(inquisitive) },
    { weight: 1, arbitrary: hostile.map(inquisitive) },
  );
}

/** One that is not right spoils a whole list. */
const among = 40;
const whole = [...options, "id", "task", "trigger"] as const;
const scheduled = drawnFrom(wholeRight, whole, [...shapes, "inherited"]);
const listed = fc.uniqueArray(drawnFrom(wholeRight, whole, shapes, among), {
  ...{ minLength: 1, maxLength: 4 },
  selector: ({ options, quality }) => (quality === "right" ? idIn(options) : Symbol("any")),
});
const inSet = fc.uniqueArray(drawnFrom(wholeRight.map(lasting), whole, shapes, among), {
  ...{ minLength: 1, maxLength: 4 },
  selector: ({ options, quality }) => (quality === "right" ? idIn(options) : Symbol("any")),
});
const changes = drawnFrom(
  fc.oneof(
    { weight: 3, arbitrary: someRight.map(changing) },
    {
      weight: 1,
      arbitrary: fc.tuple(someRight.map(changing), valuesOf(["trigger"])).map(([a, b]) => ({ ...a, ...b })),
    },
  ),
  [...options, "id", "task", "trigger"].filter((name) => name !== "onConflict") as Option[],
  [...shapes, "inherited"],
);

function idIn(options: unknown): unknown {
  return ((options instanceof Shaped ? options.values : options) as Values).id;
}

/** What a set takes of a definition. */
function lasting({ onConflict, whenExhausted: _, ...rest }: Values): Values {
  return onConflict === "keep" ? { ...rest, onConflict } : rest;
}

/** What an update takes of a definition. */
function changing({ onConflict: _, ...rest }: Values): Values {
  return rest;
}

/** A call that defines jobs. */
export const defining: fc.Arbitrary<Defining> = fc.oneof(
  {
    weight: 10,
    arbitrary: scheduled.map((one): Defining => ({ what: "schedule", definitions: [one] })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({
        definitions: listed,
        how: fc.oneof(
          { weight: 6, arbitrary: fc.constant({}) },
          { weight: 1, arbitrary: fc.constant({ dryRun: true }) },
          {
            weight: 1,
            arbitrary: fc.constantFrom({ prune: { tag: "t3" } }, { prune: { tag: "a" }, dryRun: true }),
          },
        ),
      })
      .map((drawn): Defining => ({ what: "apply", ...drawn })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        definitions: inSet,
        set: fc.record({ name: fc.constantFrom("set", "other"), version: fc.nat(3) }),
        how: fc.constantFrom({}, { force: true }, { force: true }, { dryRun: true, force: true }),
      })
      .map((drawn): Defining => ({ what: "apply a set", ...drawn })),
  },
  {
    weight: 6,
    arbitrary: fc
      .record({
        id: fc.oneof({ weight: 15, arbitrary: of("id") }, { weight: 1, arbitrary: hostile }),
        one: changes,
      })
      .map(({ id, one }): Defining => ({ what: "job.update", id, definitions: [one] })),
  },
);

/** A call with its values made. */
export interface Made {
  readonly drawn: Defining;
  /** The job to update. */
  readonly id: unknown;
  /** What is handed over for each definition, its task included. */
  readonly given: readonly unknown[];
  carryOut(scheduler: Scheduler): Promise<unknown>;
}

/** Makes the values of a call. */
export function madeOf(drawn: Defining): Made {
  const { what, how, set } = drawn;
  const given = drawn.definitions.map(({ options }) => made(options));
  const id = made(drawn.id);
  const carryOut = async (scheduler: Scheduler): Promise<unknown> => {
    const [first] = given;
    if (what === "schedule") return scheduler.schedule(taskIn(first) as string, first as never);
    if (what === "job.update") return scheduler.job(id as string).update(first as never);
    if (what === "apply") return scheduler.apply(given as never, how);
    return scheduler.apply(defineJobs({ ...set, jobs: given } as never), how);
  };
  return { drawn, id, given, carryOut };
}

/** What stands for the task in a definition, where there is such a thing. */
export function taskIn(given: unknown): unknown {
  try {
    return "task" in (given as object) ? (given as { task: unknown }).task : "task";
  } catch {
    return "task";
  }
}
