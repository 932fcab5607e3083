import type { Owner } from "./define.js";
import { remove } from "./scripts/index.js";
import type { Store } from "./store.js";

/**
 * Removes a job, and what was to run of it. Answers whether there was such a job.
 *
 * @param owner only if it is this set's, while that may write
 * @throws EscapementError `STALE_JOB_SET`
 */
export async function removeJob(store: Store, id: string, owner?: Owner): Promise<boolean> {
  const { prefix: _, ...keys } = store.keys;
  const args = { ...store.told, job: id, set: owner?.set ?? "", mark: owner?.mark ?? "" };
  return (await remove.run(store.commands, { keys, args })) === 1;
}
