import { EscapementError } from "@escapement/redis";
import { fields, orElse } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import { readRunById } from "./read-runs.js";
import { cancel } from "./scripts/index.js";
import type { Store } from "./store.js";

/** Options of `run(id).cancel()`. */
export interface CancelOptions {
  /** Kept with the run, and handed to its handler with the aborted signal. At most 200 characters. @default "cancelled" */
  readonly reason?: string;
}

/**
 * Cancels a run, wherever it is: one that waits never starts; the handler of one that runs has its signal aborted.
 *
 * @returns `false` if it had ended already
 * @throws EscapementError `RUN_NOT_FOUND`; InvalidOptionError
 */
export async function cancelRun(store: Store, run: string, options: CancelOptions): Promise<boolean> {
  const reason = orElse(fields("options", options, ["reason"])["reason"], "cancelled");
  if (typeof reason !== "string" || reason === "" || reason.length > 200)
    throw new InvalidOptionError("reason", "must be text of 1 to 200 characters.");
  const { prefix: _, ...keys } = store.keys;
  // A run may move between two places while it is looked for: look again before saying that there is none.
  for (let look = 0; look < 3; look += 1) {
    const [, what] = await store.timedWhenFull(
      () => cancel.run(store.commands, { keys, args: { ...store.history, ...store.founding, run, reason } }),
      ([time]) => time,
    );
    if (what !== "none") return true;
  }
  if ((await readRunById(store, run)) !== undefined) return false;
  throw new EscapementError("RUN_NOT_FOUND", `There is no run ${run}, or it is not kept any more.`);
}
