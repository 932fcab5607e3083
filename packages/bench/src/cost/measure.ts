import type { RedisServer } from "@escapement/testing";
import { noTraffic, plus, type Traffic } from "./meter.js";
import type { Row } from "./rows.js";
import { type StepName, Stepper } from "./stepper.js";

/** How many of each are measured. */
export interface Amounts {
  /** Jobs over which stored bytes are shared out. */
  readonly jobs: number;
  /** Finished runs of one job over which what they leave is shared out. */
  readonly ended: number;
}

/** Bytes that Redis keeps. */
export interface Stored {
  readonly job: number;
  readonly waitingRun: number;
  /** Of the first run of a job that ended: its list is made. */
  readonly firstEnded: number;
  readonly ended: number;
}

/** What a row costs. Traffic is of one run from its fire time to its end. */
export interface Cost {
  readonly name: string;
  readonly why: string;
  /** By itself. */
  readonly alone: Traffic;
  readonly steps: Readonly<Partial<Record<StepName, Traffic>>>;
  /** Of 100 that are due at once, on a node that runs as many, and end at once. */
  readonly together: Traffic;
  readonly stored: Stored;
}

const together = 100;

/** Measures a row on a server that does nothing else. */
export async function measure(server: RedisServer, row: Row, amounts: Amounts): Promise<Cost> {
  const steps = await traffic(server, row, 1);
  return {
    name: row.name,
    why: row.why,
    alone: total(steps),
    steps: Object.fromEntries(steps),
    together: plus(noTraffic, total(await traffic(server, row, together)), 1 / together),
    stored: { ...(await storedBefore(server, row, amounts)), ...(await storedAfter(server, row, amounts)) },
  };
}

/** What so many runs due at once cost: the second time, as in a cluster that has been up for a while. */
export async function traffic(
  server: RedisServer,
  row: Row,
  count: number,
): Promise<ReadonlyMap<StepName, Traffic>> {
  await using stepper = await Stepper.open(server, row.node);
  if (!row.enqueued) await stepper.define(count, row.options);
  await play(stepper, row, count);
  stepper.spent();
  await play(stepper, row, count);
  return stepper.spent();
}

/** So many runs, from their fire time to their end. `from`: the place of their first job. */
export async function play(stepper: Stepper, row: Row, count: number, from = 0): Promise<void> {
  if (row.enqueued) await stepper.enqueue(count, row.options);
  else {
    await stepper.come(count, from);
    await stepper.materialise();
  }
  const claimed = await stepper.claim(count);
  if (claimed.length !== count)
    throw new Error(`${row.name}: ${claimed.length} of ${count} runs were claimed`);
  await (row.end?.(stepper, claimed) ?? stepper.complete(claimed));
}

async function storedBefore(
  server: RedisServer,
  row: Row,
  { jobs }: Amounts,
): Promise<Pick<Stored, "job" | "waitingRun">> {
  await using stepper = await Stepper.open(server, row.node);
  const nothing = await stepper.bytes();
  if (row.enqueued) {
    await stepper.enqueue(jobs, { ...row.options, delay: 60_000 });
    return { job: 0, waitingRun: ((await stepper.bytes()) - nothing) / jobs };
  }
  await stepper.define(jobs, row.options);
  const defined = await stepper.bytes();
  await stepper.come(jobs, 0, 8000);
  await stepper.materialise();
  return { job: (defined - nothing) / jobs, waitingRun: ((await stepper.bytes()) - defined) / jobs };
}

async function storedAfter(
  server: RedisServer,
  row: Row,
  { ended }: Amounts,
): Promise<Pick<Stored, "firstEnded" | "ended">> {
  await using stepper = await Stepper.open(server, row.node);
  if (!row.enqueued) await stepper.define(2, row.options);
  await play(stepper, row, 1, 1); // what a node leaves once, whatever it runs, is none of the run's
  const steady = await stepper.bytes();
  await play(stepper, row, 1);
  const first = await stepper.bytes();
  for (let run = 0; run < ended; run += 1) await play(stepper, row, 1);
  return { firstEnded: first - steady, ended: ((await stepper.bytes()) - first) / ended };
}

/** All steps together. */
export function total(steps: ReadonlyMap<StepName, Traffic>): Traffic {
  return [...steps.values()].reduce((sum, one) => plus(sum, one), noTraffic);
}
