import { partitionOf } from "@escapement/redis/internal";
import { fields, flag, isList, nameAt, orElse, readable } from "./check.js";
import { assertDifferent, checkJob, checkJobs, type Item, type Wanted } from "./check-jobs.js";
import type { Defined } from "./compare.js";
import { type Preview, previewItems, writeItems } from "./define.js";
import { assertStaying } from "./dependencies.js";
import { InvalidOptionError } from "./errors.js";
import type { HandleParts } from "./handles.js";
import { changeOf, type JobChange, removalOf } from "./job-changes.js";
import {
  type BegunSet,
  beginSet,
  defineJobs,
  type JobDeclaration,
  type JobSet,
  joinSet,
  readStanding,
  type StandingSet,
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
  const { begin, write, finish } = await prepareJobs(parts, await readDeclared(parts, what, options));
  const begun = await begin();
  await write(begun);
  return finish(begun);
}

/** What is to be applied, and how, once it has been read. */
export interface Declared {
  readonly set: JobSet | undefined;
  readonly wanted: readonly Wanted[];
  /** Of one partition's part: what is declared in all of them. */
  readonly whole?: readonly Item[];
  /** The same: what stands of the set. */
  readonly standing?: StandingSet | undefined;
  readonly tag: string | undefined;
  readonly dryRun: boolean;
  readonly force: boolean;
}

/** Reads a list or a set of jobs, and checks their inputs. */
export async function readDeclared(
  { validate }: Pick<ApplyParts, "validate">,
  what: readonly JobDeclaration[] | JobSet,
  options: unknown,
): Promise<Declared> {
  const set = setIn(what);
  const { tag, dryRun, force } = optionsOf(options, set);
  const wanted = wantedOf(set?.jobs ?? (what as readonly JobDeclaration[]));
  for (const { task, options, where } of wanted) {
    const validity = locate(where, options?.id, () => validate(task, options?.input));
    if (validity !== undefined) await validity;
  }
  return { set, wanted, tag, dryRun, force };
}

/** Those for each partition, which each has its set's name and version, after a look at all. */
export function splitDeclared(declared: Declared, partitions: number, maxInput: number): Declared[] {
  const { set, wanted } = declared;
  const whole = wanted.map((one) => checkJob(one, maxInput));
  assertDifferent(whole);
  return Array.from({ length: partitions }, (_, partition) => {
    const isIn = ({ id }: { readonly id: string }): boolean => partitionOf(id, partitions) === partition;
    return {
      ...declared,
      whole,
      wanted: wanted.filter(({ options }) => isIn(options)),
      set: set && { ...set, jobs: set.jobs.filter(isIn) },
    };
  });
}

/** Jobs that have been checked: of one partition, if a namespace has several. */
export interface PreparedJobs {
  /** Before any is written in any partition: makes those of a set the ones that may be. Of the first one alone. */
  begin(): Promise<BegunSet | undefined>;
  /** Writes these of them; all, if left out. */
  write(begun: BegunSet | undefined, ids?: ReadonlySet<string>): Promise<void>;
  /** Once all are written: removes what is to go, and answers what was done. */
  finish(begun: BegunSet | undefined): Promise<ApplyReport>;
}

/** Checks all that can be checked of jobs before the first is written. */
export async function prepareJobs(parts: ApplyParts, declared: Declared): Promise<PreparedJobs> {
  const { set, wanted, whole, tag, dryRun, force } = declared;
  // How jobs of all partitions are tied is checked by one of them.
  const tied = whole === undefined || parts.store.partition === 0 ? whole : [];
  const items = await checkJobs(parts.store, wanted, parts.maxInput, tied);
  await assertStaying(whole ?? items, () =>
    set === undefined ? pruned(parts.store, items, tag) : undeclared(parts.store, set),
  );
  const standing = declared.standing ?? (set && (await readStanding(parts.store, set, force)));
  if (dryRun)
    return {
      begin: async () => undefined,
      write: async () => undefined,
      finish: () => previewed(parts.store, items, set, tag, standing),
    };
  if (set === undefined || standing === undefined) return preparedList(parts, items, tag);
  // Whatever the store would refuse of a job is known before the first is written.
  await previewItems(parts.store, items, set.name);
  return preparedSet(parts, items, set, () => beginWhole(parts, set, whole ?? items, { ...standing, force }));
}

function preparedList(parts: ApplyParts, items: readonly Item[], tag: string | undefined): PreparedJobs {
  const { store } = parts;
  const defined: Defined[] = [];
  return {
    begin: async () => undefined,
    write: async (_, ids) => {
      const some = await writeItems(store, among(items, ids));
      tell(parts, some);
      defined.push(...some);
    },
    finish: async () => {
      const removed = await removeEach(parts, pruned(store, items, tag), (id) => removeJob(store, id));
      return reportOf(defined, removed);
    },
  };
}

function preparedSet(
  parts: ApplyParts,
  items: readonly Item[],
  set: JobSet,
  begin: PreparedJobs["begin"],
): PreparedJobs {
  const { store } = parts;
  const defined: Defined[] = [];
  let joined: Promise<void> | undefined;
  /** Whose the jobs are that are written, once this partition has heard of it. */
  const ownerOf = async (begun: BegunSet | undefined): Promise<BegunSet> => {
    if (begun === undefined) throw new Error("a set is written before it has begun");
    joined ??= store.partition === 0 ? Promise.resolve() : joinSet(store, set, begun);
    await joined;
    return begun;
  };
  return {
    begin,
    write: async (begun, ids) => {
      const owner = await ownerOf(begun);
      const some = await whileCurrent(set, () => writeItems(store, among(items, ids), owner));
      tell(parts, some);
      defined.push(...some);
    },
    finish: async (begun) => {
      const { name, version } = set;
      const owner = await ownerOf(begun);
      const removed = await whileCurrent(set, () =>
        removeEach(parts, undeclared(store, set), (id) => removeJob(store, id, owner)),
      );
      return { ...reportOf(defined, removed), set: { name, version, before: owner.before } };
    },
  };
}

async function beginWhole(
  { store, logger }: ApplyParts,
  set: JobSet,
  items: readonly Item[],
  options: StandingSet & { readonly force: boolean },
): Promise<BegunSet> {
  if (store.partitions > 1) await store.founded();
  const begun = await beginSet(store, set, items, options);
  if (begun.before !== undefined && begun.before > set.version)
    logger.warn(
      { set: set.name, from: begun.before, to: set.version },
      "a set of jobs was set back to an older version by force",
    );
  return begun;
}

function among(items: readonly Item[], ids: ReadonlySet<string> | undefined): readonly Item[] {
  return ids === undefined ? items : items.filter(({ id }) => ids.has(id));
}

async function previewed(
  store: Store,
  items: readonly Item[],
  set: JobSet | undefined,
  tag: string | undefined,
  standing: StandingSet | undefined,
): Promise<ApplyReport> {
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
    ...(set === undefined
      ? {}
      : { set: { name: set.name, version: set.version, before: standing?.version } }),
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
