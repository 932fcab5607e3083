import type { StoreClient } from "@escapement/testing";
import { expect } from "vitest";
import type { ApplyReport, EscapementError, Job, Scheduler } from "../../src/index.js";
import { readHead } from "../../src/record.js";
import { type Defining, type Made, type Quality, taskIn } from "./defining.js";
import { type Option, right } from "./options.js";
import { expectTyped, outcomeOf } from "./outcome.js";
import { asStored, asUpdated, expectDefined, expectVersion, isSame } from "./stored.js";

/** Where definitions are written, and how to look at it. */
export interface Place {
  readonly client: Scheduler;
  readonly redis: StoreClient;
  /** The hashes of the jobs' records, of each partition. */
  readonly jobs: readonly string[];
  readonly secret: string;
  /** All that is stored. */
  stored(): Promise<string>;
}

type Fields = Readonly<Record<string, unknown>>;
type Jobs = ReadonlyMap<string, Job | undefined>;
interface Look {
  readonly all: string;
  readonly records: ReadonlyMap<string, string>;
  readonly jobs: Jobs;
}

/** What became of a call, and of each definition in it. */
export interface Judged {
  readonly what: Defining["what"];
  readonly qualities: readonly Quality[];
  /** `previewed`: of a dry run, which stores nothing. */
  readonly outcome: "stored" | "refused" | "previewed";
  /** The options that were given and compared, by definition; of what was refused, those that were wrong. */
  readonly options: readonly Option[];
}

/** What a definition of right values may be refused for: what is stored beside it. */
const forOthers = /^(JOB_EXISTS|JOB_NOT_FOUND|DEPENDENCY_CYCLE|JOB_OF_ANOTHER_SET|STALE_JOB_SET)$/;
/** What changes of right values may be refused for, since the job says something else that does not go with them. */
const besides = /^(trigger|startAt|endAt|jitter|concurrencyLimit|rateLimit)$/;

/** Carries out a call, and compares what it left behind with what it says, or with what was there before. */
export async function judge(call: Made, place: Place): Promise<Judged> {
  const { drawn } = call;
  const ids = [...new Set([...call.given.map(idIn), call.id].filter((id) => isId(id)))];
  const before = await look(place, ids);
  const { error, value } = await outcomeOf(() => call.carryOut(place.client));
  const after = await look(place, ids);
  const judged = { what: drawn.what, qualities: drawn.definitions.map(({ quality }) => quality) };
  if (error !== undefined) {
    expectRefused(call, error, place.secret);
    expectAsBefore(before, after);
    return { ...judged, outcome: "refused", options: drawn.definitions.flatMap(({ spoilt }) => spoilt) };
  }
  expect(judged.qualities, "wrong values were taken").not.toContain("wrong");
  if (drawn.how?.dryRun === true) {
    expectAsBefore(before, after);
    return { ...judged, outcome: "previewed", options: [] };
  }
  if (drawn.what === "job.update") expectUpdated(call, value as Job, before, after);
  else expectStored(call, value as Job | ApplyReport, before, after);
  const options = call.given.flatMap((given) =>
    (Object.keys(right) as Option[]).filter((name) => name in (given as object)),
  );
  return { ...judged, outcome: "stored", options };
}

function idIn(given: unknown): unknown {
  try {
    return (given as Fields)["id"];
  } catch {
    return undefined;
  }
}

const isId = (id: unknown): id is string => typeof id === "string" && /^[A-Za-z0-9_.:/-]{1,128}$/.test(id);

async function look({ client, redis, jobs, stored }: Place, ids: readonly string[]): Promise<Look> {
  const [all, records, ...found] = await Promise.all([
    stored(),
    Promise.all(jobs.map((key) => redis.hgetall(key))),
    ...ids.map(async (id) => [id, await client.job(id).get()] as const),
  ]);
  return { all, records: new Map(records.flatMap((some) => Object.entries(some))), jobs: new Map(found) };
}

/** Nothing is written, and the jobs that were named read as they did. */
function expectAsBefore(before: Look, after: Look): void {
  expect(after.all).toBe(before.all);
  expect(after.records).toEqual(before.records);
  for (const [id, job] of before.jobs) {
    const now = after.jobs.get(id);
    expect(now === undefined, id).toBe(job === undefined);
    if (now !== undefined && job !== undefined)
      expect([isSame(now, job), now.version]).toEqual([true, job.version]);
  }
}

function expectRefused({ drawn, id }: Made, error: unknown, secret: string): void {
  expectTyped(error, drawn.what, secret);
  const { code, message, path = "" } = error as EscapementError & { path?: string };
  if (drawn.definitions.some(({ quality }) => quality !== "right")) return;
  if (drawn.what === "job.update" && !isId(id)) return;
  const fits = forOthers.test(code) || (drawn.what === "job.update" && besides.test(path));
  expect(fits, `right values were refused: ${code} ${message}`).toBe(true);
}

/** Every job of a call reads as it was given, and nothing else has changed. */
function expectStored({ drawn, given }: Made, value: Job | ApplyReport, before: Look, after: Look): void {
  const removed = drawn.what === "schedule" ? [] : (value as ApplyReport).removed;
  const loosened = loosenedBy(removed, before);
  for (const one of given as Fields[]) {
    const id = one["id"] as string;
    const [was, job] = [before.jobs.get(id), after.jobs.get(id)];
    if (job === undefined) throw new Error(`job ${id} is not there`);
    expect(job.id).toBe(id);
    const isKept = one["onConflict"] === "keep" && was !== undefined;
    const wanted = isKept ? { ...was } : asStored({ ...picked(one), task: taskIn(one) });
    const left = untied(wanted, removed);
    expectDefined(job, left);
    if (drawn.set !== undefined) expect(job.set).toBe(drawn.set.name);
    if (drawn.what === "schedule") expect(JSON.stringify(value)).toBe(JSON.stringify(job));
    if (loosened.has(id) || isTied(wanted, removed)) continue; // changed once more by that
    expectVersion(job, was);
    if (drawn.what !== "schedule") expectReported(value as ApplyReport, job, was);
  }
  const named = (given as Fields[]).map(({ id }) => id as string);
  expectOthers([...named, ...removed, ...loosened], before, after);
  for (const id of removed) expect(after.records.get(id), `${id} was removed`).toBeUndefined();
}

/** The jobs that were tied to one that is removed, by their own definition or by its. */
function loosenedBy(removed: readonly string[], { records }: Look): Set<string> {
  const heads = [...records].map(([id, record]) => [id, readHead(record)] as const);
  return new Set(
    heads.flatMap(([id, head]) =>
      removed.includes(id) ? [...head.dependsOn, ...head.then] : isTied(head, removed) ? [id] : [],
    ),
  );
}

type Ties = { readonly dependsOn?: unknown; readonly then?: unknown };

/** Whoever was tied to a job that is removed is tied to it no more. */
function untied(fields: Fields, removed: readonly string[]): Fields {
  const left = (ids: unknown): string[] => (ids as string[]).filter((id) => !removed.includes(id));
  return Object.assign(
    { ...fields },
    { dependsOn: left(fields["dependsOn"]), ["then"]: left(fields["then"]) },
  );
}

function isTied({ dependsOn, then: followed }: Ties, ids: readonly string[]): boolean {
  return [...(dependsOn as string[]), ...(followed as string[])].some((id) => ids.includes(id));
}

function expectReported({ added, updated, unchanged }: ApplyReport, job: Job, was: Job | undefined): void {
  const fits = was === undefined ? added : job.version === was.version ? unchanged : updated;
  expect(fits).toContain(job.id);
  expect([...added, ...updated, ...unchanged].filter((id) => id === job.id)).toHaveLength(1);
}

function expectUpdated({ id, given }: Made, value: Job, before: Look, after: Look): void {
  const [was, job] = [before.jobs.get(id as string), after.jobs.get(id as string)];
  if (was === undefined || job === undefined) throw new Error(`job ${String(id)} is not there`);
  expectDefined(job, asUpdated(was, given[0] as Fields));
  expect(job.set).toBe(was.set);
  expectVersion(job, was);
  expect(JSON.stringify(value)).toBe(JSON.stringify(job));
  expectOthers([id as string], before, after);
}

/** The records of all other jobs are those that they were. */
function expectOthers(ids: readonly string[], before: Look, after: Look): void {
  const others = ({ records }: Look): Map<string, string> =>
    new Map([...records].filter(([id]) => !ids.includes(id)));
  expect(others(after)).toEqual(others(before));
}

/** Options read by name, also those of a prototype. */
function picked(given: Fields): Fields {
  const names = (Object.keys(right) as Option[]).filter((name) => name in given);
  return Object.fromEntries(names.map((name) => [name, given[name]]));
}
