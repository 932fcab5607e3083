import type { WorkInput } from "../../nodes/node-config.js";
import type { PlannedJob } from "../../workload/operations.js";
import { groupBy } from "../case.js";
import type { Ledger } from "./ledger.js";
import type { Asked } from "./operations.js";
import type { Claim } from "./told.js";

/** For so many ms two processes' views of the machine's clock may differ. */
const blur = 50;

/** What a run was to do: its job's definition, or what it was enqueued with. */
export type Orders = Pick<PlannedJob, "task" | "timeout" | "retry"> & { readonly input?: WorkInput };

/** A duration as the workload writes them, in ms. `undefined`: none is given. */
export function millisOf(duration: number | string | undefined): number | undefined {
  if (typeof duration !== "string") return duration;
  return Number.parseFloat(duration) * (duration.endsWith("ms") ? 1 : 1000);
}

/** A definition, and when it was possibly in force, by the machine's wall clock. */
interface Version {
  readonly job: PlannedJob;
  readonly from: number;
  until: number;
}

/**
 * How to find what an attempt that is given out by `claim`, and begins at `begin` by the machine's wall clock, may have been told to do: one of these.
 * None: nothing says so. A node that did not hear the answer to its claim is told its job's definition of when it hears it.
 */
export function ordersOf({
  operations,
  momentOf,
}: Ledger): (run: string, claim: Claim | undefined, begin: number) => readonly Orders[] {
  const enqueued = new Map<string, Orders>();
  for (const { does } of operations)
    if (does.do === "enqueue")
      for (const run of does.runs) enqueued.set(run.id ?? "", { ...run, task: does.task });
  const versions = versionsIn(operations);
  return (run, claim, begin) => {
    const own = enqueued.get(run);
    if (own !== undefined) return [own];
    const since = claim === undefined ? begin : momentOf(claim).least;
    const all = versions.get(run.slice(0, Math.max(0, run.lastIndexOf("@")))) ?? [];
    return all
      .filter(({ from, until }) => from - blur <= begin && since <= until + blur)
      .map(({ job }) => job);
  };
}

/** All definitions that each job possibly had. What was asked for is possibly in force at once, and what was before it until it is acknowledged. */
function versionsIn(operations: readonly Asked[]): Map<string, Version[]> {
  const steps = operations.flatMap((asked) => {
    if (asked.end === "refused") return [];
    return changesOf(asked).map(({ id, change }) => ({ id, change, asked }));
  });
  return new Map(
    [...groupBy(steps, ({ id }) => id)].map(([id, some]) => {
      const versions: Version[] = [];
      for (const { change, asked } of some) follow(versions, change, asked);
      return [id, versions];
    }),
  );
}

/** What becomes of a definition; `undefined`: the job is gone. */
type Change = (before: PlannedJob | undefined) => PlannedJob | undefined;

function changesOf({ does }: Asked): { id: string; change: Change }[] {
  if (does.do === "define") return does.jobs.map((job) => ({ id: job.id, change: () => job }));
  if (does.do === "update") {
    const changes = does.changes as Partial<PlannedJob>;
    return [{ id: does.job, change: (before) => before && { ...before, ...changes } }];
  }
  return does.do === "remove" ? [{ id: does.job, change: () => undefined }] : [];
}

function follow(versions: Version[], change: Change, { asked, heard, end }: Asked): void {
  const open = versions.filter(({ until }) => until > asked.wall);
  const next = new Map<string, PlannedJob>();
  for (const before of open.length === 0 ? [undefined] : open.map(({ job }) => job)) {
    const job = change(before);
    if (job !== undefined) next.set(JSON.stringify(job), job);
  }
  if (end === "acknowledged") for (const version of open) version.until = heard.wall;
  for (const job of next.values()) versions.push({ job, from: asked.wall, until: Number.POSITIVE_INFINITY });
}
