import { readMeta } from "../founding.js";
import { about, type Finding } from "./finding.js";
import type { Inspection } from "./picture.js";

/** Whether the namespace was created with the layout and the number of partitions that this version is set to: a node refuses to start otherwise. */
export async function examineNamespace({ store }: Inspection): Promise<Finding[]> {
  const { ok, error } = about("namespace");
  const fields = ["layout", "partitions"] as const;
  const { moving } = await readMeta(store);
  if (moving !== undefined)
    return [
      error(
        `Namespace ${store.namespace} is being moved to ${moving.to} partitions: nobody else can use it meanwhile. If whoever moves it is gone, ` +
          `do it again: escapement partitions ${moving.to}.`,
      ),
    ];
  const stored = await store.commands.run("reading the namespace", (client) =>
    client.hmget(store.keys.meta, ...fields),
  );
  if (stored[0] == null) return [ok(`Namespace ${store.namespace} is new: no node has joined it yet.`)];
  const others = fields.flatMap((field, index) =>
    stored[index] == null || stored[index] === String(store.founding[field])
      ? []
      : [`${field} ${stored[index]}, not ${store.founding[field]}`],
  );
  if (others.length === 0) return [ok(`Namespace ${store.namespace} has the layout of this version.`)];
  return [
    error(
      `Namespace ${store.namespace} was created with ${others.join(", and ")}: no node set up as this one can join it, and what this one ` +
        "reads and writes may be in the wrong place. Use the version and the options that it was created with, or another namespace.",
    ),
  ];
}
