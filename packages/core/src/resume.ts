import { fields } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import type { Events } from "./events.js";
import { passOverPaused } from "./pass-over.js";
import { type PauseTarget, pauseName, whoIs } from "./pause.js";
import { type Resumed, writeResumed } from "./resumed.js";
import { resume } from "./scripts/index.js";
import type { Store } from "./store.js";
import { instant } from "./times.js";

/** Options of `resume`. */
export interface ResumeOptions {
  /**
   * What jobs go on with:
   *
   * - `"missed"`: with the fire times that were held back, under each job's misfire rule
   * - `"now"`: with the next fire time after now. What came due before that and has not started is not run: it is recorded as missed, with the
   *   reason `paused`
   * - a Date, ms or ISO 8601: with the next fire time then or later; those before it are passed over in the same way, also if they are to come
   *
   * Further attempts, runs by hand and enqueued runs are no fire times, and go on in any case. @default as each job's `resumeFrom` says
   */
  readonly from?: "missed" | "now" | Date | number | string;
  /** Who. @default the user and machine of this process */
  readonly by?: string;
}

/** Checks from where jobs are to go on, and who says so. @throws InvalidOptionError */
export function checkResumeOptions(options: ResumeOptions): Resumed {
  const { from, by } = fields("options", options, ["from", "by"]);
  const who = whoIs(by);
  if (from === undefined || from === "missed" || from === "now") return { from, by: who };
  try {
    return { from: new Date(instant("from", from) ?? 0), by: who };
  } catch (cause) {
    const message =
      'must be "missed", "now", or a time: a Date, whole milliseconds, or ISO 8601 with Z or an offset.';
    throw new InvalidOptionError("from", message, { cause });
  }
}

/**
 * Ends a pause, and lets go on what it held back. Answers whether it was there.
 *
 * What is to be passed over is so before the key goes, so that nothing of it starts meanwhile: whoever stops half-way leaves the pause in
 * place, and it can be resumed again.
 */
export async function resumeTarget(
  store: Store,
  target: PauseTarget,
  options: ResumeOptions = {},
  events?: Events,
): Promise<boolean> {
  const name = pauseName(target);
  const resumed = checkResumeOptions(options);
  const { from } = resumed;
  const ofNode = name.startsWith("node:");
  if (ofNode && from !== undefined && from !== "missed")
    throw new InvalidOptionError("from", "cannot be given for a node: its pause holds back no fire times.");
  let there = true;
  if (!ofNode && from !== "missed") {
    const before = from instanceof Date ? from.getTime() : (await store.now()) + 1;
    there = await passOverPaused(store, { name, before, all: from !== undefined }, events);
  }
  const was = await letGo(store, name, writeResumed(resumed), there);
  if (was) events?.emit("resumed", { target: name, ...resumed });
  return was;
}

/** Deletes the key, if it `wasThere`, and lets go on what is left of what it held back. Answers whether it was there still. */
async function letGo(store: Store, name: string, said: string, wasThere: boolean): Promise<boolean> {
  const { prefix: _, ...keys } = store.keys;
  let was = false;
  for (let [more, again] = [1, wasThere ? 0 : 1]; more === 1; again = 1) {
    const [, deleted, left] = await store.timedWhenFull(
      () => resume.run(store.commands, { keys, args: { ...store.told, name, said, batch: 500, again } }),
      ([time]) => time,
    );
    was ||= deleted === 1;
    more = left;
  }
  return was;
}
