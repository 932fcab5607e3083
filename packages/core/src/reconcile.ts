import { tellAutoPaused } from "./claim.js";
import type { Events } from "./events.js";
import { reconcile } from "./scripts/index.js";
import type { Store } from "./store.js";

const batch = 200;

/**
 * Compares what a node holds with what the store says, and gives up what the node knows nothing of. Only while no request of
 * the node is under way: else what it is just being given would be taken for such.
 *
 * @param number of the node's last request: once a later one has been answered, this one is refused
 * @returns runs that the node holds, but not by what the store says: it has lost the claim, and will take no outcome of it
 * @throws EscapementError `NODE_DEAD`, `STALE_REQUEST`
 */
export async function reconcileHeld(
  store: Store,
  node: string,
  number: number,
  held: readonly { readonly run: string; readonly token: string }[],
  events: Events,
): Promise<readonly string[]> {
  const { prefix: _, ...keys } = store.keys;
  const [, taken, paused, unknown] = await store.timed(
    () =>
      reconcile.run(store.lease, {
        keys: { ...keys, active: store.keys.active(node), request: store.keys.request(node) },
        args: { ...store.history, node, number, batch },
        lists: { held: held.flatMap(({ run, token }) => [run, token]) },
      }),
    ([time]) => time,
  );
  for (let at = 0; at + 1 < taken.length; at += 2) {
    const [runId = "", what] = taken.slice(at, at + 2);
    const jobId = runId.includes("@") ? runId.split("@")[0] : undefined;
    events.emit("lost", { runId, jobId, node, retry: what === "retry" });
  }
  tellAutoPaused(events, paused);
  return unknown;
}
