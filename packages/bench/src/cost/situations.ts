import type { JobOptions } from "@escapement/core";
import type { Claimed, Completion } from "@escapement/core/internal";
import type { RedisServer } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { play, total, traffic } from "./measure.js";
import { plus, type Traffic } from "./meter.js";
import { plain } from "./rows.js";
import { type NodeOptions, Stepper } from "./stepper.js";

/** Something that becomes of runs only when they meet. */
export interface Situation {
  /** Markdown. */
  readonly name: string;
  readonly options?: Partial<JobOptions>;
  readonly node?: NodeOptions;
  /** All that happens, with jobs 0 and 1. */
  readonly happens: (stepper: Stepper) => Promise<void>;
  readonly why: string;
}

const meeting = { happens: (stepper: Stepper) => fireTwice(stepper, "s") };
const cutShort = { happens: (stepper: Stepper) => fireTwice(stepper, "c") };
const key = { concurrencyKey: "customer-17" };

/** What the second of two runs costs that meet the first. */
export const situations: readonly Situation[] = [
  { ...meeting, name: '`overlap: "skip"`: it is skipped', why: "no attempt; an entry in the history" },
  {
    ...meeting,
    name: '`overlap: "queue-one"`, `"queue-all"`: it waits, then runs',
    options: { overlap: "queue-one" },
    why: "into `blocked` and out again, besides its own run",
  },
  {
    ...cutShort,
    name: '`overlap: "cancel-running"`: the first is cancelled, then it runs',
    options: { overlap: "cancel-running" },
    why: "as `queue-one`, and word to the node that holds the first, which reads it with one more round trip",
  },
  {
    ...cutShort,
    name: '`overlap: "replace"`: the first is cancelled, and it runs at once',
    options: { overlap: "replace" },
    why: "word to the node that holds the first, which reads it with one more round trip",
  },
  {
    name: "`concurrencyKey` full: it waits, then runs",
    options: key,
    happens: twoAtOnce,
    why: "into `full:<key>` and out again, besides its own run",
  },
  {
    name: '`concurrencyKey` full, `whenFull: "skip"`',
    options: { ...key, concurrencyLimit: { max: 1, whenFull: "skip" } },
    happens: twoAtOnce,
    why: "no attempt; an entry in the history",
  },
  {
    name: "`limit` full: it waits, then runs",
    node: { limits: [{ scope: "all", max: 1, how: "w" }] },
    happens: twoAtOnce,
    why: "it stays where it is, besides its own run",
  },
];

/** A job fires while its run runs. */
async function fireTwice(stepper: Stepper, outcome: Completion["outcome"]): Promise<void> {
  await fire(stepper, 1);
  const first = await stepper.claim(1);
  await fire(stepper, 1, 0); // after the first has started: one that was due before is not skipped
  const second = await stepper.claim(1);
  await endAll(stepper, second, await stepper.complete(first, outcome));
}

/** Two jobs fire at once. */
async function twoAtOnce(stepper: Stepper): Promise<void> {
  await fire(stepper, 2);
  const [first, ...others] = await stepper.claim(2);
  if (first === undefined) throw new Error("nothing was claimed");
  await endAll(stepper, others, await stepper.complete([first]));
}

async function fire(stepper: Stepper, jobs: number, ahead?: number): Promise<void> {
  await stepper.come(jobs, 0, ahead);
  await stepper.materialise();
}

async function endAll(stepper: Stepper, ...runs: readonly (readonly Claimed[])[]): Promise<void> {
  for (const some of runs) if (some.length > 0) await stepper.complete(some);
}

/** What a situation costs beyond one run with the same options: the second time that it comes to it. */
export async function measureSituation(
  server: RedisServer,
  { name, why, options = {}, node = {}, happens }: Situation,
): Promise<Traffic> {
  await using stepper = await Stepper.open(server, node);
  await stepper.define(2, options);
  await happens(stepper);
  stepper.spent();
  await happens(stepper);
  const both = total(stepper.spent());
  return plus(both, total(await traffic(server, { name, why, options, node }, 1)), -1);
}

/** What other jobs of the namespace are at while a plain run runs. */
export interface Neighbour {
  /** Markdown. */
  readonly name: string;
  readonly options?: Partial<JobOptions>;
  /** Where it leaves job 1, and others behind it. */
  readonly leaves: (stepper: Stepper) => Promise<unknown>;
}

const runs = async (stepper: Stepper, jobs = 1): Promise<readonly Claimed[]> => {
  await stepper.come(jobs, 1);
  await stepper.materialise();
  return stepper.claim(jobs);
};

/** Others that use an option, at the moment at which it shows most. */
export const neighbours: readonly Neighbour[] = [
  { name: "run", leaves: runs },
  {
    name: "wait for another attempt (`retry`)",
    leaves: async (stepper) => stepper.complete(await runs(stepper), "F", "60000"),
  },
  { name: "count their runs (`maxRuns`)", options: { maxRuns: 1000 }, leaves: runs },
  { name: "count from completion", options: { trigger: every("1d", { after: "completion" }) }, leaves: runs },
  { name: "run with a `concurrencyKey`", options: { concurrencyKey: "other" }, leaves: runs },
  {
    name: "run and wait with a `concurrencyKey` that is full",
    options: { concurrencyKey: "other" },
    leaves: (stepper) => runs(stepper, 2),
  },
  {
    name: "wait for the end of their job's run (`queue-one`)",
    options: { overlap: "queue-one" },
    leaves: async (stepper) => [await runs(stepper), await runs(stepper)],
  },
  {
    name: "are being cancelled, on the same node",
    options: { overlap: "replace" },
    leaves: async (stepper) => [await runs(stepper), await runs(stepper)],
  },
  {
    name: "are paused, each by itself",
    leaves: async (stepper) => {
      await stepper.pause(1);
      await runs(stepper);
    },
  },
  { name: "have a `retain`", options: { retain: { runs: 50 } }, leaves: runs },
  {
    name: "have reported progress",
    leaves: async (stepper) => stepper.progress(await runs(stepper), '"half"'),
  },
  {
    name: "have failed (dead letters)",
    leaves: async (stepper) => stepper.complete(await runs(stepper), "f"),
  },
];

/** What a plain run costs while others are at that. */
export async function measureBeside(server: RedisServer, { options, leaves }: Neighbour): Promise<Traffic> {
  await using stepper = await Stepper.open(server);
  await stepper.define(1);
  await stepper.define(2, options, 1);
  await play(stepper, plain, 1);
  await leaves(stepper);
  stepper.spent();
  await play(stepper, plain, 1);
  return total(stepper.spent());
}
