import { fields, flag, orElse } from "./check.js";
import type { Owner } from "./define.js";
import { remove } from "./scripts/index.js";
import type { Store } from "./store.js";
import { tiesStand } from "./ties.js";

/** Options of `remove`. */
export interface RemoveOptions {
  /** Cancels its runs that run, as `cancel` does, with the reason `removed`, in the same step. @default false: they go on */
  readonly cancelRunning?: boolean;
}

/** Whether runs that run are to be cancelled. @throws InvalidOptionError */
export function cancelsRunning(options: RemoveOptions): boolean {
  return flag("cancelRunning", orElse(fields("options", options, ["cancelRunning"])["cancelRunning"], false));
}

/**
 * Removes a job, and what was to run of it; what waits for a further attempt ends as cancelled. Answers whether there was such a job.
 *
 * @param owner only if it is this set's, while that may write
 * @param cancel whether runs that run are cancelled
 * @throws EscapementError `STALE_JOB_SET`; `TIES_PENDING` if it is removed, and jobs of other partitions that it is tied to are yet to hear of it
 */
export async function removeJob(store: Store, id: string, owner?: Owner, cancel = false): Promise<boolean> {
  const { prefix: _, ...keys } = store.keys;
  const args = {
    ...store.history,
    ...store.founding,
    job: id,
    set: owner?.set ?? "",
    mark: owner?.mark ?? "",
    cancel: cancel ? "removed" : "",
  };
  const [was, ...left] = await remove.run(store.commands, { keys, args });
  if (was === undefined) return false;
  await tiesStand(store, left.map(Number), `Job ${id} is removed`);
  return true;
}
