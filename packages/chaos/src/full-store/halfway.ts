import { type ApplyReport, defineJobs, type JobDeclaration, type Scheduler } from "@escapement/core";
import { eventually } from "@escapement/testing";
import { every } from "@escapement/triggers";
import type { Trial } from "../trial.js";
import { keysOf } from "./keys.js";
import type { Neighbour } from "./neighbour.js";

/** A write of several steps that the memory ran out in the middle of. */
export interface Halfway {
  readonly call: string;
  /** The error's code, or `done`. */
  readonly came: string;
  /** Of how many items, how many were written then. */
  readonly written: number;
  readonly of: number;
  /** Of those written, how many were not whole. */
  readonly torn: number;
  /** How many were there once the same call was made again, with room. */
  readonly again: number;
}

const room = 130_000; // for a batch of 100 jobs or two
const [manyRuns, roomForRuns] = [2000, 1_200_000]; // enqueued in batches of 500, each of which needs half a megabyte twice: for the request, and for good
const metadata = { text: "x".repeat(400) };
const trigger = every("1h");

function jobsNamed(name: string, many: number): JobDeclaration[] {
  return Array.from({ length: many }, (_, index) => ({
    task: "tick",
    id: `${name}-${index}`,
    trigger,
    metadata,
  }));
}

/** Lets the memory run out in the middle of each write that has several steps, and makes each again with room. */
export async function writeHalfway(trial: Trial, neighbour: Neighbour, many: number): Promise<Halfway[]> {
  const { client } = trial;
  const set = defineJobs({ name: "set", version: 1, jobs: jobsNamed("set", many) });
  const list = jobsNamed("list", many);
  const runs = Array.from({ length: manyRuns }, (_, index) => ({
    id: `many-${index}`,
    delay: "1h",
    input: { text: metadata.text },
  }));
  return [
    await jobsHalfway(trial, neighbour, "list", many, () => client.apply(list)),
    await jobsHalfway(trial, neighbour, "set", many, () => client.apply(set)),
    await runsHalfway(trial, neighbour, () => client.enqueueMany("tick", runs)),
  ];
}

async function jobsHalfway(
  trial: Trial,
  neighbour: Neighbour,
  name: string,
  of: number,
  apply: () => Promise<ApplyReport>,
): Promise<Halfway> {
  const came = await runOut(neighbour, room, apply);
  const keys = keysOf(trial);
  const [records, states, due] = await Promise.all([
    keys.hashIds("jobs"),
    keys.hashIds("state"),
    keys.setIds("due"),
  ]);
  const own = (ids: readonly string[]): Set<string> => new Set(ids.filter((id) => id.startsWith(`${name}-`)));
  const parts = [own(records), own(states), own(due)];
  const all = new Set(parts.flatMap((part) => [...part]));
  const torn = [...all].filter((id) => parts.some((part) => !part.has(id))).length;
  const { added, unchanged } = await withRoom(neighbour, apply);
  const again = added.length + unchanged.length;
  return { call: `apply of a ${name}`, came, written: all.size, of, torn, again };
}

async function runsHalfway(
  trial: Trial,
  neighbour: Neighbour,
  enqueue: () => ReturnType<Scheduler["enqueueMany"]>,
): Promise<Halfway> {
  const came = await runOut(neighbour, roomForRuns, enqueue);
  const keys = keysOf(trial);
  const [records, waiting] = await Promise.all([keys.hashIds("runs"), keys.setIds("waiting")]);
  const own = (ids: readonly string[]): Set<string> => new Set(ids.filter((id) => id.startsWith("many-")));
  const [there, placed] = [own(records), own(waiting)];
  const torn = [...there, ...placed].filter((id) => !there.has(id) || !placed.has(id)).length;
  await withRoom(neighbour, enqueue);
  const again = own(await keys.setIds("waiting")).size;
  return { call: "enqueueMany", came, written: there.size, of: manyRuns, torn, again };
}

/** Makes a call with room for some of what it writes. */
async function runOut(neighbour: Neighbour, space: number, call: () => Promise<unknown>): Promise<string> {
  await neighbour.leaveRoom(space);
  return call().then(
    () => "done",
    (error: unknown) => String((error as { code?: unknown }).code ?? error),
  );
}

async function withRoom<T>(neighbour: Neighbour, call: () => Promise<T>): Promise<T> {
  await neighbour.unbound();
  const done: T[] = [];
  await eventually(async () => {
    done.push(await call());
    return true;
  });
  return done[0] as T;
}

/** Removes many jobs in a store that has become full meanwhile: how many were left. */
export async function removeWhenFull(trial: Trial, neighbour: Neighbour, many: number): Promise<Halfway> {
  const { client } = trial;
  const doomed = jobsNamed("doomed", many).map((job) => ({ ...job, tags: ["doomed"] }));
  await client.apply(doomed);
  await neighbour.leaveRoom(-100_000);
  const came = await client.apply([], { prune: { tag: "doomed" } }).then(
    () => "done",
    (error: unknown) => String((error as { code?: unknown }).code ?? error),
  );
  await neighbour.unbound();
  const keys = keysOf(trial);
  const left = async (): Promise<string[]> =>
    [...(await keys.hashIds("jobs")), ...(await keys.setIds("due"))].filter((id) => id.startsWith("doomed-"));
  const after = (await left()).length;
  return { call: "apply with prune", came, written: after, of: many, torn: 0, again: after };
}
