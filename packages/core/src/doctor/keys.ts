import type { Keys } from "@escapement/redis/internal";
import { readNodes } from "../read-nodes.js";
import type { Store } from "../store.js";
import { about, type Finding, some } from "./finding.js";
import type { Inspection } from "./picture.js";

type Fixed = { [K in keyof Keys]: Keys[K] extends string ? K : never }[keyof Keys];
type Type = "string" | "hash" | "set" | "zset" | "stream";

/** What the keys are that there is one of in a namespace; docs/redis-layout.md says the same. `pause:…` may be of any type. */
const types: Readonly<Record<Exclude<Fixed, "prefix" | "wake">, Type>> = {
  ...{ meta: "hash", clock: "string", jobs: "hash", state: "hash" },
  ...{ due: "zset", parked: "zset" },
  ...{ exhaustion: "hash", failing: "hash", pauses: "hash", carry: "hash", paused: "zset", frozen: "zset" },
  ...{ calledOff: "zset", events: "stream", mended: "hash", waiting: "zset", ready: "zset" },
  ...{ unstarted: "zset", requeued: "zset", blocked: "zset", running: "hash", paced: "hash" },
  ...{ resumeNow: "set", retention: "hash", edges: "zset", met: "zset", inbox: "hash" },
  ...{ holds: "hash", limited: "hash" },
  ...{ counts: "hash", sets: "hash", setOf: "hash", deadLetters: "hash", runs: "hash", attempts: "hash" },
  ...{ progress: "hash", finished: "hash", nodes: "zset", nodeInfo: "hash", dead: "zset" },
  ...{ leader: "string", epoch: "string", fence: "string", lending: "string" },
};

/** More lanes than a cluster has; what is beyond is not looked at. */
const mostLanes = 1000;

/**
 * Whether what stands under the namespace's keys is of the kind that Escapement keeps there. A step that meets anything else
 * does nothing, or deletes it: see lib/calls.lua. Keys of single jobs and runs are not looked at: runs that end put theirs right.
 */
export async function examineKeys({ store }: Inspection): Promise<Finding[]> {
  const { ok, error } = about("keys");
  const expected = [...fixedKeys(store), ...(await keysOfNodes(store))];
  const found = await store.commands.run("reading types", (client) =>
    Promise.all(expected.map(async ([key, type]) => [key, type, await client.type(key)] as const)),
  );
  const wrong = found.filter(([, type, is]) => is !== "none" && is !== type);
  if (wrong.length === 0) return [ok("All keys are of the types that they should be.")];
  const said = wrong.map(([key, type, is]) => `${key} (${is}, to be ${type})`);
  return [
    error(
      `Somebody else has written to keys of the namespace: ${some(said, 3)}. Steps fail that cannot do without them, and delete others. Rename them, and see ACL SETUSER ` +
        "that it does not happen again; the sweeper puts right what it can, and jobs can be applied anew.",
    ),
  ];
}

function fixedKeys({ keys }: Store): [string, Type][] {
  return Object.entries(types).map(([kind, type]) => [keys[kind as keyof typeof types], type]);
}

/** Of nodes and of the lanes that they serve, as far as these can be read. */
async function keysOfNodes(store: Store): Promise<[string, Type][]> {
  const { active, request, cancelled, readyOf } = store.keys;
  const ids = await store.commands
    .run("listing nodes", (client) => client.zrange(store.keys.nodes, 0, 999))
    .catch((): string[] => []);
  const nodes = await readNodes(store).catch(() => []);
  const lanes = nodes.flatMap(({ queues, tasks }) =>
    queues.flatMap((queue) => tasks.map((task) => readyOf(queue, task))),
  );
  return [
    ...ids.flatMap((id): [string, Type][] =>
      [active(id), request(id), cancelled(id)].map((key) => [key, "hash"]),
    ),
    ...[...new Set(lanes)].slice(0, mostLanes).map((key): [string, Type] => [key, "zset"]),
  ];
}
