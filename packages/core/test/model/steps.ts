// What may happen, as fast-check's model commands: each does it to the store and to the model, and compares.
import fc from "fast-check";
import { expect } from "vitest";
import type { PauseTarget } from "../../src/pause.js";
import { resumeTarget } from "../../src/resume.js";
import { claim, end, type Outcome, type Request } from "./claiming.js";
import type { Cluster, Ending, places } from "./cluster.js";
import { definition, overlap } from "./definitions.js";
import type { Definition, Run } from "./entities.js";
import * as rules from "./leading.js";
import type { World } from "./world.js";

/** The model: its world, and which two nodes live. */
export interface Model {
  readonly world: World;
  readonly nodes: [string, string];
}

type JobId = keyof typeof places;
type Index = 0 | 1;

/** One kind of step with what was drawn for it. */
class Step<Drawn> implements fc.AsyncCommand<Model, Cluster> {
  readonly #name: string;
  readonly #drawn: Drawn;
  readonly #can: (model: Readonly<Model>, drawn: Drawn) => boolean;
  readonly #carryOut: (model: Model, real: Cluster, drawn: Drawn) => Promise<void>;

  constructor(
    name: string,
    drawn: Drawn,
    carryOut: (model: Model, real: Cluster, drawn: Drawn) => Promise<void>,
    can: (model: Readonly<Model>, drawn: Drawn) => boolean = () => true,
  ) {
    this.#name = name;
    this.#drawn = drawn;
    this.#carryOut = carryOut;
    this.#can = can;
  }

  check(model: Readonly<Model>): boolean {
    return this.#can(model, this.#drawn);
  }

  async run(model: Model, real: Cluster): Promise<void> {
    await this.#carryOut(model, real, this.#drawn);
    await real.expectSame(model.world);
  }

  toString(): string {
    return `${this.#name} ${JSON.stringify(this.#drawn)}`;
  }
}

async function advance({ world }: Model, { bench }: Cluster, ms: number): Promise<void> {
  if (ms === 0) return;
  world.now += ms;
  expect(await bench.advance(ms), "the store's time").toBe(world.now);
}

async function work(
  { world, nodes }: Model,
  real: Cluster,
  drawn: { node: Index; slots: number; limited: boolean; count: number; outcome: Outcome },
): Promise<void> {
  const node = nodes[drawn.node];
  const endings = endAll(world, world.held(node).slice(0, drawn.count), drawn.outcome);
  const request: Request = { node, slots: drawn.slots, limited: drawn.limited };
  const started = claim(world, request).map(({ id, attempt }) => `${id}#${attempt}`);
  expect(await real.work(request, endings), "what starts").toEqual(started);
}

function endAll(world: World, runs: readonly Run[], outcome: Outcome): Ending[] {
  return runs.map((run) => ({ run: run.id, outcome, again: end(world, run, outcome) }));
}

/** A node hears what it is to cancel, and ends it. */
async function heed({ world, nodes }: Model, real: Cluster, index: Index): Promise<void> {
  const node = nodes[index];
  const told = world.held(node).filter(({ cancel }) => cancel !== undefined);
  const reasons = Object.fromEntries(told.map(({ id, cancel }) => [id, cancel]));
  expect(await real.asked(node), "what is to be cancelled").toEqual(reasons);
  const endings = endAll(world, told, "cancelled");
  const request = { node, slots: 0, limited: false };
  claim(world, request);
  await real.work(request, endings);
}

async function cancel({ world }: Model, { bench }: Cluster, pick: number): Promise<void> {
  // Not what has yet to come: should the leader come late to a job that was redefined meanwhile, it counts it as missed, too.
  const runs = [...world.runs.values()].filter(({ at }) => at <= world.now);
  const run = runs[pick % runs.length];
  if (run === undefined) return;
  expect(await bench.run(run.id).cancel({ reason: "asked" }), `cancelling ${run.id}`).toBe(
    world.cancel(run, "asked"),
  );
  world.settleExhausted();
}

async function runNow(model: Model, real: Cluster, [id, force]: readonly [JobId, boolean]): Promise<void> {
  await advance(model, real, 1); // no two by hand at the same instant
  const { world } = model;
  if (!force && rules.pausesOf(world.job(id)).some((name) => world.pauses.has(name))) {
    await expect(real.bench.runNow(id)).rejects.toMatchObject({ code: "JOB_PAUSED" });
    return;
  }
  const run = await real.bench.runNow(id, { force });
  expect(run).toMatch(new RegExp(`^${id}@${world.now}-`));
  world.queue(run, world.job(id), world.now, true, force);
}

async function kill({ world, nodes }: Model, real: Cluster, index: Index): Promise<void> {
  const node = nodes[index];
  await real.kill(node);
  for (const run of world.held(node)) end(world, run, "given-up");
  world.settleExhausted();
  nodes[index] = `${node}'`;
  await real.join(nodes[index]);
}

async function define(
  { world }: Model,
  real: Cluster,
  id: JobId,
  change: Partial<Definition>,
): Promise<void> {
  const job = world.job(id);
  const definition = { ...job.definition, ...change };
  await real.define(id, definition);
  rules.define(world, job, definition);
}

async function lead(model: Model, real: Cluster, ms: number): Promise<void> {
  await advance(model, real, ms);
  rules.watch(model.world);
  await real.bench.watch();
  rules.materialise(model.world);
  await real.materialise();
}

async function pause({ world, nodes }: Model, { bench }: Cluster, target: string): Promise<void> {
  const name = target.replace(/^node:(\d)$/, (_, index) => `node:${nodes[Number(index) as Index]}`);
  world.pauses.add(name);
  await bench.redis.set(bench.store.keys.pause(name), "");
}

/** A pause ends by hand, or as if it had expired. Whether the leader has seen it yet is another matter. */
async function resume({ world }: Model, { bench }: Cluster, pick: number, seen: boolean): Promise<void> {
  const name = [...world.pauses][pick % world.pauses.size] ?? "";
  world.pauses.delete(name);
  await bench.redis.del(bench.store.keys.pause(name));
  if (!seen) return;
  rules.watch(world);
  await bench.watch();
}

/** A pause is resumed from now; one of a node, which holds back no fire times, is left as it is. */
async function resumeFromNow({ world }: Model, { bench }: Cluster, pick: number): Promise<void> {
  const names = [...world.pauses].filter((one) => !one.startsWith("node:"));
  const name = names[pick % names.length];
  if (name === undefined) return;
  const [kind = "", of = ""] = name.split(":");
  const target = (name === "all" ? name : { [kind]: of }) as PauseTarget;
  await resumeTarget(bench.store, target, { from: "now" });
  rules.resumeFromNow(world, name);
}

const jobId = fc.constantFrom<JobId>("a", "b");
const index = fc.constantFrom<Index>(0, 1);
const outcome = fc.constantFrom<Outcome>(
  ...([
    "succeeded",
    "succeeded",
    "failed",
    "failed",
    "timed-out",
    "handed-back",
    "vetoed",
    "given-up",
  ] as const),
);
const target = fc.constantFrom(
  ...[
    "all",
    "queue:default",
    "queue:second",
    "task:task",
    "tag:tagged",
    "job:a",
    "job:b",
    "node:0",
    "node:1",
  ],
);
const time = fc.constantFrom(1000, 4000, 10_000, 10_000, 20_000, 50_000);
const step = <Drawn>(
  weight: number,
  name: string,
  drawn: fc.Arbitrary<Drawn>,
  carryOut: (model: Model, real: Cluster, drawn: Drawn) => Promise<void>,
  can?: (model: Readonly<Model>, drawn: Drawn) => boolean,
): fc.Arbitrary<Step<Drawn>>[] =>
  Array<fc.Arbitrary<Step<Drawn>>>(weight).fill(drawn.map((value) => new Step(name, value, carryOut, can)));

/** Sequences of steps. */
export const steps = fc.commands<Model, Cluster, false>(
  [
    ...step(4, "time passes and the leader writes", time, lead),
    ...step(1, "time passes", time, advance),
    ...step(
      8,
      "work",
      fc.record({
        node: index,
        slots: fc.integer({ min: 0, max: 4 }),
        limited: fc.boolean(),
        count: fc.integer({ min: 0, max: 3 }),
        outcome,
      }),
      work,
    ),
    ...step(1, "heed", index, heed, ({ world, nodes }, drawn) => world.held(nodes[drawn]).length > 0),
    ...step(1, "cancel", fc.nat({ max: 50 }), cancel, ({ world }) => world.runs.size > 0),
    ...step(1, "run now", fc.tuple(jobId, fc.boolean()), runNow),
    ...step(1, "kill", index, kill, ({ world, nodes }, drawn) => world.held(nodes[drawn]).length > 0),
    ...step(1, "pause", target, pause),
    ...step(
      2,
      "resume",
      fc.tuple(fc.nat({ max: 7 }), fc.boolean()),
      (model, real, [pick, seen]) => resume(model, real, pick, seen),
      ({ world }) => world.pauses.size > 0,
    ),
    ...step(2, "resume from now", fc.nat({ max: 7 }), resumeFromNow, ({ world }) => world.pauses.size > 0),
    ...step(1, "define", fc.tuple(jobId, definition), (model, real, [id, value]) =>
      define(model, real, id, value),
    ),
    ...step(1, "update overlap", fc.tuple(jobId, overlap), (model, real, [id, value]) =>
      define(model, real, id, { overlap: value }),
    ),
  ],
  { maxCommands: 60, size: "max" },
);
