import { about, type Finding, some } from "./finding.js";
import type { Inspection } from "./picture.js";

/** Jobs whose fire times cannot be computed. */
export async function examineParked({ store }: Inspection): Promise<Finding[]> {
  const { ok, error } = about("parked");
  const ids = await store.commands.run("reading parked jobs", (client) =>
    client.zrange(store.keys.parked, 0, 999),
  );
  if (ids.length === 0) return [ok("No job is parked.")];
  return [
    error(
      `The fire times of these jobs cannot be computed: ${some(ids, 10)}. "escapement job show <id>" tells why; define them anew.`,
    ),
  ];
}

/** What the sweeper has put right so far: nothing, unless the store lost writes, somebody deleted keys, or this is a fault of ours. */
export async function examineMended({ store }: Inspection): Promise<Finding[]> {
  const { ok, warning } = about("sweeper");
  const counts = await store.commands.run("reading what was mended", (client) =>
    client.hgetall(store.keys.mended),
  );
  const found = Object.entries(counts).map(([what, count]) => `${what}: ${count}`);
  if (found.length === 0) return [ok("Nothing had to be put right.")];
  return [
    warning(
      `The sweeper has put right: ${found.join(", ")}. Did the store lose writes, or was a key deleted by hand? If neither, report it. ` +
        `The counts are in the key ${store.keys.mended}; delete it to start anew.`,
    ),
  ];
}
