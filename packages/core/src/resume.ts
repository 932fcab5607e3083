import { fields } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import type { Events } from "./events.js";
import { passOverPaused } from "./pass-over.js";
import { type PauseTarget, pauseName, whoIs } from "./pause.js";
import { carryNow, copyPauses, inEach, noteAtHome, othersOf } from "./pause-copies.js";
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
  const { home } = store;
  const others = othersOf(store, name);
  if (others.length > 0) await store.founded();
  if (name.startsWith("job:")) await Promise.all(others.map((other) => carryNow(other, name)));
  let there = true;
  if (!ofNode && from !== "missed") {
    there = await copyInto(others, home, name);
    for (const partition of there ? [home, ...others] : []) {
      const before = from instanceof Date ? from.getTime() : (await partition.now()) + 1;
      there &&= await passOverPaused(partition, { name, before, all: from !== undefined }, events);
    }
  }
  const said = writeResumed(resumed);
  const was = await letGo(home, name, said, there);
  if (was) {
    await endCopies(others, home, name, said, events);
    events?.emit("resumed", { target: name, ...resumed });
  }
  return was;
}

/** Makes sure that the others have a copy, under which fire times are passed over. Answers whether there is such a pause. */
async function copyInto(others: readonly Store[], home: Store, name: string): Promise<boolean> {
  if (others.length === 0) return true;
  const found = [...(await noteAtHome(home.commands, home, [name]))];
  if (found.length === 0) return false;
  await Promise.all(others.map((other) => copyPauses(other.commands, other, { there: found })));
  return true;
}

/** Lets go on in the others what is held back under their copies. Where that fails the leader does so, by what partition 0 says of the resumption. */
async function endCopies(
  others: readonly Store[],
  home: Store,
  name: string,
  said: string,
  events: Events | undefined,
): Promise<void> {
  const ended = await inEach(others, (other) => letGo(other, name, said, true), events);
  if (!ended || others.length === 0) return;
  // Not at once: a leader, or what was claimed, may be on its way still.
  const forget = (): Promise<unknown> =>
    home.commands.run("resuming", (client) => client.pexpire(home.keys.resumed(name), 5000));
  await forget().catch(() => undefined); // it ends by itself
}

/** Deletes the key, if it `wasThere`, and lets go on what is left of what it held back. Answers whether it was there still. */
async function letGo(store: Store, name: string, said: string, wasThere: boolean): Promise<boolean> {
  const { prefix: _, ...keys } = store.keys;
  let was = false;
  for (let [more, again] = [1, wasThere ? 0 : 1]; more === 1; again = 1) {
    const [, deleted, left] = await store.timedWhenFull(
      () =>
        resume.run(store.commands, {
          keys,
          args: { ...store.told, ...store.founding, name, said, batch: 500, again },
        }),
      ([time]) => time,
    );
    was ||= deleted === 1;
    more = left;
  }
  return was;
}
