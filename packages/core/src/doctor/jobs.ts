import type { Store } from "../store.js";
import type { Finding } from "./finding.js";

/** Jobs whose fire times cannot be computed. */
export async function examineParked(store: Store): Promise<Finding> {
  const ids = await store.commands.run("reading parked jobs", (client) =>
    client.zrange(store.keys.parked, 0, 9),
  );
  if (ids.length === 0) return { check: "parked", level: "ok", message: "No job is parked." };
  return {
    check: "parked",
    level: "error",
    message: `The fire times of these jobs cannot be computed: ${ids.join(", ")}. "escapement job show <id>" tells why; define them anew.`,
  };
}

/** What the sweeper has put right so far: nothing, unless the store lost writes, somebody deleted keys, or this is a fault of ours. */
export async function examineMended(store: Store): Promise<Finding> {
  const counts = await store.commands.run("reading what was mended", (client) =>
    client.hgetall(store.keys.mended),
  );
  const found = Object.entries(counts).map(([what, count]) => `${what}: ${count}`);
  if (found.length === 0) return { check: "sweeper", level: "ok", message: "Nothing had to be put right." };
  return {
    check: "sweeper",
    level: "warning",
    message:
      `The sweeper has put right: ${found.join(", ")}. Did the store lose writes, or was a key deleted by hand? If neither, report it. ` +
      `The counts are in the key ${store.keys.mended}; delete it to start anew.`,
  };
}
