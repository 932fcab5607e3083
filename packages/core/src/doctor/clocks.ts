import type { Store } from "../store.js";
import type { Finding } from "./finding.js";

/** Whether the store waits for Redis' clock to catch up with a time that it has seen. */
export async function examineStoreClock(store: Store): Promise<Finding> {
  const [time, seen] = await store.commands.run("reading the time", (client) =>
    Promise.all([client.time(), client.get(store.keys.clock)]),
  );
  const ahead = Number(seen ?? 0) - Number(time[0]) * 1000 - Math.floor(Number(time[1]) / 1000);
  if (ahead < 1000) return { check: "store clock", level: "ok", message: "The store's time goes on." };
  return {
    check: "store clock",
    level: "error",
    message:
      `The store has seen a time ${Math.round(ahead / 1000)} s later than Redis' clock tells now, and stands still until then. ` +
      `If that time was wrong, delete the key ${store.keys.clock}: leases and enqueued runs then go on at once. Jobs go on from the ` +
      "fire times that have been written by then; to have one go on sooner, remove it and define it again.",
  };
}
