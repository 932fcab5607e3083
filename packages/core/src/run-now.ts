import { fields, flag, orElse } from "./check.js";
import { jobPaused } from "./errors.js";
import { newSuffix } from "./id.js";
import { type PauseInfo, parsePause, pausesOfJob, readPauses } from "./read-pauses.js";
import { readHead } from "./record.js";
import { runNow as script } from "./scripts/index.js";
import type { Store } from "./store.js";

/** Options of `runNow`. */
export interface RunNowOptions {
  /**
   * Starts the run although the job, its tag, queue or task, or everything is paused, and before others of its queue; a node that is paused leaves it to
   * others. Of its first attempt only: a further one waits for the end of the pause. @default false: it is refused with `JOB_PAUSED`
   */
  readonly force?: boolean;
}

/** Stands behind the suffix of a run that was asked for by force; no overlap has this letter. */
const forced = "f";

/** Whether a run was asked for by force; its first attempt starts under any pause but its node's. */
export function isForcedRun(run: string): boolean {
  return run.endsWith(forced) && /@\d+-\w{8}f$/.test(run);
}

/** Whether by force. @throws InvalidOptionError */
export function isByForce(options: RunNowOptions): boolean {
  return flag("force", orElse(fields("options", options, ["force"])["force"], false));
}

/**
 * Queues a run of a job by hand. Answers its id.
 *
 * @throws EscapementError `JOB_NOT_FOUND`; `JOB_PAUSED`, and nothing is queued
 */
export async function runJobNow(store: Store, id: string, options: RunNowOptions): Promise<string> {
  const force = isByForce(options);
  const isElsewhere = store !== store.home;
  // What holds a job back is said by partition 0: its own may have yet to hear of it.
  const held = force || !isElsewhere ? [] : await pausesOf(store, id);
  if (held.length > 0) throw jobPaused(id, held);
  const { prefix, ...keys } = store.keys;
  const [, [run = ""], pauses] = await script.run(store.commands, {
    keys,
    args: {
      ...store.founding,
      prefix,
      job: id,
      suffix: newSuffix() + (force ? forced : ""),
      unless_paused: force || isElsewhere ? 0 : 1,
    },
    lists: { times: [] },
  });
  if (pauses.length > 0) throw jobPaused(id, pauses.map(parsePause));
  return run;
}

/** The pauses that hold a job back; none of one that there is not. */
async function pausesOf(store: Store, id: string): Promise<PauseInfo[]> {
  const record = await store.commands.run("reading a job", (client) => client.hget(store.keys.jobs, id));
  return record === null
    ? []
    : [...(await readPauses(store, pausesOfJob({ ...readHead(record), id }))).values()];
}
