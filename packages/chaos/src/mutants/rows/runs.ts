import type { Change, Mutant } from "../mutant.js";
import { frozen, killed, noNodes } from "../trials/node-faults.js";
import { quiet } from "../trials/quiet.js";
import { redeployed } from "../trials/redeployed.js";

const leaseOver = "if lease < now then return refuse('NODE_DEAD'";

/** Wherever a node hears, or knows by itself, that it is dead. */
const goesOn: readonly Change[] = [
  ...["heartbeat", "claim/request", "reconcile"].map((script) => ({
    file: `core/dist/scripts/${script}.lua`,
    find: leaseOver,
    put: "if lease < 0 then return refuse('NODE_DEAD'",
  })),
  {
    file: "core/dist/node.js",
    find: 'this.#die("the lease was not prolonged in time")',
    put: "undefined",
  },
];

/** What is wrong about nodes that die, and about what becomes of runs. */
export const runMutants: readonly Mutant[] = [
  {
    name: "heartbeat-never-stops",
    breaks: "A node whose lease has ended goes on under its old identity as if nothing had happened",
    changes: goesOn,
    secondLayers: [
      "the node counts its lease itself, by a clock that nobody sets, and is dead once that is over",
      "heartbeat, claim and reconcile each refuse a node whose lease has ended",
    ],
    trial: frozen,
    caughtBy: ["dead-goes-on"],
  },
  {
    name: "no-token-check",
    breaks: "An outcome is taken from whoever reports it, whether or not it holds the attempt",
    changes: [
      ...goesOn,
      {
        file: "core/dist/scripts/claim/complete.lua",
        find: "string.match(held[i] or '', '^(%S+) (%S+) (%S+) %S+ (%S+)$')",
        put: "string.match(held[i] or item.token .. ' 1 ' .. int(now) .. ' 0 -', '^(%S+) (%S+) (%S+) %S+ (%S+)$')",
      },
      {
        file: "core/dist/scripts/claim/complete.lua",
        find: "if token ~= item.token or seen[item.run] then",
        put: "if not token then",
      },
      {
        file: "core/dist/scripts/claim/plain-ends.lua",
        find: "if not text or find(text, token, 1, true) ~= 1 then return nil end",
        put: "text = text or token .. ' 1 ' .. int(now) .. ' 0 -'",
      },
    ],
    secondLayers: [
      "a node that is dead says nothing any more, and is refused by its lease before anybody looks at a token",
      "what a dead node held is taken out of its hands, so that its tokens are compared with nothing",
    ],
    trial: frozen,
    caughtBy: ["accepted-twice", "late-accepted", "ended-twice"],
  },
  {
    name: "attempt-not-counted",
    breaks: "A run whose attempt was lost starts again as the same attempt",
    changes: [
      {
        file: "core/dist/scripts/lib/ends.lua",
        find: "redis.call('HSET', key.attempts, run, (attempt + 1) .. ' '",
        put: "redis.call('HSET', key.attempts, run, attempt .. ' '",
      },
      {
        file: "core/dist/scripts/claim/consider.lua",
        find: "arg.node .. ':' .. arg.number, 'NX', 'PX', arg.lock_ttl)",
        put: "arg.node .. ':' .. arg.number, 'PX', arg.lock_ttl)",
      },
      {
        file: "core/dist/scripts/claim/consider.lua",
        find: "if not lane.unstarted[i] then return end",
        put: "",
      },
    ],
    secondLayers: [
      "the lock of the attempt outlives its node, and lets it start once",
      "a first attempt starts only while the run stands in `unstarted`, which it leaves when it is claimed",
    ],
    trial: killed,
    caughtBy: ["duplicate"],
  },
  {
    name: "stale-run-not-dropped",
    breaks: "A job that gets another trigger leaves what was written of the older one",
    changes: [
      {
        file: "core/dist/scripts/upsert.lua",
        find: "while some_unstarted and take_back(job, old and old.lane, now) == TAKE do end",
        put: "",
      },
    ],
    trial: redeployed,
    caughtBy: ["never-due"],
  },
  {
    name: "delivery-not-read",
    breaks: "What is delivered at most once is tried again when its node dies",
    changes: [
      {
        file: "core/dist/scripts/lib/ends.lua",
        find: "if record and record.delivery == 'r' and lost < record.max_lost then",
        put: "if record and lost < record.max_lost then",
      },
    ],
    trial: killed,
    caughtBy: ["needless-attempt"],
  },
  {
    name: "places-not-released",
    breaks: "What a dead node held keeps its places in limits",
    changes: [
      {
        file: "core/dist/scripts/recover.lua",
        find: "    release_places(runs)\n",
        put: "",
      },
    ],
    trial: killed,
    caughtBy: ["mended"],
  },
  {
    name: "waiting-not-let-go",
    breaks: "The end of a run does not let the next one of its job go on that waits for it",
    changes: [
      {
        file: "core/dist/scripts/lib/ends.lua",
        find: "if holder and string.match(holder, '^%S+') == run then redis.direct('HDEL', key.running, job) end\n  unblock(job)",
        put: "if holder and string.match(holder, '^%S+') == run then redis.direct('HDEL', key.running, job) end",
      },
    ],
    trial: quiet,
    caughtBy: ["mended", "open"],
  },
  {
    name: "missed-not-recorded",
    breaks: "Fire times that are not made up for leave no record",
    changes: [
      {
        file: "core/dist/scripts/materialise.lua",
        find: "if job.missed > 0 and job.writes then",
        put: "if job.missed > 0 and not job.writes then",
      },
    ],
    trial: noNodes,
    caughtBy: ["missed"],
  },
];
