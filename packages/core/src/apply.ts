import { fields, flag, isList, nameAt, orElse, readable } from "./check.js";
import { checkJobs, type Item } from "./check-jobs.js";
import type { Defined } from "./compare.js";
import { type Preview, previewItems, writeItems } from "./define.js";
import { assertStaying } from "./dependencies.js";
import { InvalidOptionError } from "./errors.js";
import type { HandleParts } from "./handles.js";
import { changeOf, type JobChange, removalOf } from "./job-changes.js";
import {
  beginSet,
  defineJobs,
  type JobDeclaration,
  type JobSet,
  ownerOf,
  readVersion,
  undeclared,
  wantedOf,
  whileCurrent,
} from "./job-set.js";
import { locate } from "./locate.js";
import type { Logger } from "./logger.js";
import { listJobs } from "./read-jobs.js";
import { removeJob } from "./remove-job.js";
import type { Store } from "./store.js";

/** How a list of jobs is applied. */
export interface ApplyOptions {
  /** Removes the jobs with this tag that are not among those declared. */
  readonly prune?: { readonly tag: string };
  /** Answers what would be done, and does none of it. @default false */
  readonly dryRun?: boolean;
}

/** How a set of jobs is applied. */
export interface ApplySetOptions {
  /** Applies it although the store has a newer version, whose nodes are to be gone: they would apply theirs again. @default false */
  readonly force?: boolean;
  /** Answers what would be done, and does none of it. @default false */
  readonly dryRun?: boolean;
}

/** What `apply` did, by job id. */
export interface ApplyReport {
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
  readonly removed: readonly string[];
  /** Of a dry run: what differs in the jobs that would be added, updated or removed. */
  readonly changes?: readonly JobChange[];
  /** The set that was applied, and the version that the store had of it: `undefined` if none. */
  readonly set?: {
    readonly name: string;
    readonly version: number;
    readonly before: number | undefined;
  };
}

/** What applying jobs needs of a scheduler. */
export interface ApplyParts extends HandleParts {
  readonly logger: Logger;
}

/** Applies a list or a set of jobs. See `Scheduler.apply`. */
export async function applyJobs(
  parts: ApplyParts,
  what: readonly JobDeclaration[] | JobSet,
  options: unknown,
): Promise<ApplyReport> {
  const set = setIn(what);
  const { tag, dryRun, force } = optionsOf(options, set);
  const wanted = wantedOf(set?.jobs ?? (what as readonly JobDeclaration[]));
  for (const { task, options, where } of wanted) {
    const validity = locate(where, options?.id, () => parts.validate(task, options?.input));
    if (validity !== undefined) await validity;
  }
  const items = await checkJobs(parts.store, wanted, parts.maxInput);
  await assertStaying(items, () =>
    set === undefined ? pruned(parts.store, items, tag) : undeclared(parts.store, set),
  );
  if (dryRun) return previewed(parts.store, items, set, tag, force);
  return set === undefined ? applyList(parts, items, tag) : applySet(parts, items, set, force);
}

async function applyList(
  parts: ApplyParts,
  items: readonly Item[],
  tag: string | undefined,
): Promise<ApplyReport> {
  const defined = await writeItems(parts.store, items);
  tell(parts, defined);
  const removed = await removeEach(parts, pruned(parts.store, items, tag), (id) =>
    removeJob(parts.store, id),
  );
  return reportOf(defined, removed);
}

async function applySet(
  parts: ApplyParts,
  items: readonly Item[],
  set: JobSet,
  force: boolean,
): Promise<ApplyReport> {
  const { store, logger } = parts;
  await readVersion(store, set, force);
  // Whatever the store would refuse of a job is known before the first is written.
  await previewItems(store, items, set.name);
  const owner = ownerOf(set, items);
  const before = await beginSet(store, set, owner, force);
  if (before !== undefined && before > set.version)
    logger.warn(
      { set: set.name, from: before, to: set.version },
      "a set of jobs was set back to an older version by force",
    );
  return whileCurrent(set, async () => {
    const defined = await writeItems(store, items, owner);
    tell(parts, defined);
    const removed = await removeEach(parts, undeclared(store, set), (id) => removeJob(store, id, owner));
    return { ...reportOf(defined, removed), set: { name: set.name, version: set.version, before } };
  });
}

async function previewed(
  store: Store,
  items: readonly Item[],
  set: JobSet | undefined,
  tag: string | undefined,
  force: boolean,
): Promise<ApplyReport> {
  const before = set && (await readVersion(store, set, force));
  const previews = await previewItems(store, items, set?.name);
  const gone = set === undefined ? pruned(store, items, tag) : undeclared(store, set);
  const removed: string[] = [];
  const changes = previews.flatMap((preview) => changeOf(preview, set?.name) ?? []);
  for await (const id of gone) {
    const record = await store.commands.run("reading a job", (client) => client.hget(store.keys.jobs, id));
    if (record === null) continue;
    removed.push(id);
    changes.push(removalOf(id, record, set?.name));
  }
  return {
    ...reportOf(
      previews.map(({ item: { id }, outcome }: Preview) => ({ id, outcome })),
      removed,
    ),
    changes,
    ...(set === undefined ? {} : { set: { name: set.name, version: set.version, before } }),
  };
}

/** A set as it was declared, checked again: another copy of this package may have made it. */
function setIn(what: unknown): JobSet | undefined {
  if (isList(what)) return undefined;
  const isSet = what !== null && typeof what === "object" && readable("jobs", () => "jobs" in what);
  if (isSet) return defineJobs(what as JobSet);
  throw new InvalidOptionError("jobs", "must be a list of jobs, or a set of them as defineJobs makes it.");
}

function optionsOf(
  options: unknown,
  set: JobSet | undefined,
): { tag: string | undefined; dryRun: boolean; force: boolean } {
  const given = fields("options", options, ["prune", "dryRun", "force"]);
  const { prune, force } = given;
  const dryRun = flag("dryRun", orElse(given["dryRun"], false));
  if (set !== undefined && prune !== undefined)
    throw new InvalidOptionError("prune", "is for lists: a set removes what it does not declare by itself.");
  if (set === undefined && force !== undefined)
    throw new InvalidOptionError("force", "is for sets of defineJobs: a list has no version to set back.");
  return {
    tag: prune === undefined ? undefined : nameAt("prune.tag", fields("prune", prune, ["tag"])["tag"]),
    dryRun,
    force: flag("force", orElse(force, false)),
  };
}

/** The jobs with a tag that are not among those declared; none without a tag. */
async function* pruned(
  store: Store,
  items: readonly Item[],
  tag: string | undefined,
): AsyncGenerator<string> {
  if (tag === undefined) return;
  const declared = new Set(items.map(({ id }) => id));
  for await (const { id } of listJobs(store, { tag })) if (!declared.has(id)) yield id;
}

async function removeEach(
  { events }: ApplyParts,
  ids: AsyncIterable<string>,
  remove: (id: string) => Promise<boolean>,
): Promise<string[]> {
  const removed: string[] = [];
  for await (const id of ids) {
    if (!(await remove(id))) continue;
    events.emit("jobRemoved", { jobId: id });
    removed.push(id);
  }
  return removed;
}

/** Tells listeners of what was defined. */
export function tell({ events }: Pick<HandleParts, "events">, defined: readonly Defined[]): void {
  for (const { id, outcome } of defined) {
    if (outcome === "added") events.emit("jobAdded", { jobId: id });
    if (outcome === "updated") events.emit("jobUpdated", { jobId: id });
  }
}

function reportOf(defined: readonly Defined[], removed: readonly string[]): ApplyReport {
  const ids = (outcome: string): string[] =>
    defined.filter((item) => item.outcome === outcome).map(({ id }) => id);
  return {
    added: ids("added"),
    updated: ids("updated"),
    unchanged: [...ids("unchanged"), ...ids("kept")],
    removed,
  };
}
