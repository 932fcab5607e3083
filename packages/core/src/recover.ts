import { tellAutoPaused } from "./claim.js";
import type { Events } from "./events.js";
import { recover } from "./scripts/index.js";
import type { Store } from "./store.js";

/** What one round of recovery did. */
export interface Recovered {
  /** Whether dead nodes hold runs still. */
  readonly more: boolean;
  /** When the next lease ends if it is not prolonged, Redis' time in ms. */
  readonly nextEnd: number | undefined;
}

const batch = 200;

/**
 * Declares nodes dead whose lease has ended, and takes over what dead nodes held, a bounded number of runs at a time.
 *
 * @throws EscapementError `STALE_EPOCH` if there is a later leader
 */
export async function recoverDeadNodes(store: Store, epoch: number, events: Events): Promise<Recovered> {
  const { prefix: _, ...keys } = store.keys;
  const [, died, taken, nextEnd, left, paused] = await store.timed(
    () => recover.run(store.lease, { keys, args: { ...store.history, epoch, batch } }),
    ([time]) => time,
  );
  for (const node of died) events.emit("nodeDead", { node });
  for (let at = 0; at + 3 < taken.length; at += 4) {
    const [runId = "", node = "", what] = taken.slice(at, at + 3);
    events.emit("lost", {
      runId,
      jobId: runId.includes("@") ? runId.split("@")[0] : undefined,
      node,
      retry: what === "retry",
    });
  }
  tellAutoPaused(events, paused);
  return { more: left > 0, nextEnd: nextEnd === "" ? undefined : Number(nextEnd) };
}
