import type { Change, Mutant } from "../mutant.js";
import { paused } from "../trials/paused.js";
import { quiet } from "../trials/quiet.js";
import { noReplies, rolledBack } from "../trials/store-faults.js";

/** Tokens are a count and do not follow the clock. */
export const countsOnly: Change = {
  file: "core/dist/scripts/claim/request.lua",
  find: "math.max(tonumber(redis.call('GET', key.fence) or nil) or 0, now * 1000)",
  put: "tonumber(redis.call('GET', key.fence) or nil) or 0",
};

/** What is wrong about who is given what, and when. */
export const claimMutants: readonly Mutant[] = [
  {
    name: "due-not-looked-at",
    breaks: "Claim makes all runs ready that wait, due or not",
    changes: [
      {
        file: "core/dist/scripts/claim/due.lua",
        find: "redis.call('ZRANGE', key.waiting, '-inf', int(now), 'BYSCORE'",
        put: "redis.call('ZRANGE', key.waiting, '-inf', '+inf', 'BYSCORE'",
      },
      {
        file: "core/dist/scripts/claim/plain.lua",
        find: "if waits and waits <= now then\n",
        put: "if waits then\n",
      },
    ],
    trial: quiet,
    caughtBy: ["early"],
  },
  {
    name: "pause-not-read",
    breaks: "Claim does not look at pauses",
    changes: [
      {
        file: "core/dist/scripts/claim/pauses.lua",
        find: "  look_at_pauses(names)\n  for _, lane in ipairs(found) do",
        put: "  for _, lane in ipairs(found) do",
      },
      {
        file: "core/dist/scripts/claim/pauses.lua",
        find: "if #names > 0 then look_at_pauses(names) end",
        put: "",
      },
      {
        file: "core/dist/scripts/claim/plain.lua",
        find: "or are_ruled(pauses_of_lanes(lanes), ended.runs, ended.jobs)",
        put: "or are_ruled({}, ended.runs, ended.jobs)",
      },
    ],
    trial: paused,
    caughtBy: ["paused"],
  },
  {
    name: "limit-not-counted",
    breaks: "Claim does not count who holds a limit's places",
    changes: [
      {
        file: "core/dist/scripts/claim/limits.lua",
        find: "used[scope] = redis.call('SCARD', held_key(scope))",
        put: "used[scope] = 0",
      },
    ],
    trial: quiet,
    caughtBy: ["limit"],
  },
  {
    name: "overlap-not-checked",
    breaks: "Claim does not look whether the job's previous run still runs",
    changes: [
      {
        file: "core/dist/scripts/claim/overlap.lua",
        find: "if how == 'a' then return nil end",
        put: "if how ~= 'q' then return nil end",
      },
      {
        file: "core/dist/scripts/claim/plain.lua",
        find: "if record.overlap ~= 'a' then",
        put: "if record.overlap == 'q' then",
      },
    ],
    trial: quiet,
    caughtBy: ["overlap"],
  },
  {
    name: "token-not-rising",
    breaks: "The fence rises once a claim, not for each attempt",
    changes: [
      {
        file: "core/dist/scripts/claim/take.lua",
        find: "item.token = int(token + i)",
        put: "item.token = int(token + 1)",
      },
      {
        file: "core/dist/scripts/claim/plain.lua",
        find: "tens .. DIGITS[last + 1] .. of[i].behind",
        put: "int(token + 1) .. of[i].behind",
      },
    ],
    trial: quiet,
    caughtBy: ["token-reused"],
  },
  {
    name: "token-counts-only",
    breaks:
      "Tokens are a count and do not follow the clock, so that a store that lost writes gives them again",
    changes: [countsOnly],
    trial: rolledBack,
    caughtBy: ["token-reused", "token-order"],
  },
  {
    name: "lock-without-fire-time",
    breaks: "The lock is keyed by the job without its fire time",
    changes: [
      {
        file: "core/dist/scripts/claim/consider.lua",
        find: "local lock = arg.prefix .. 'lock:' .. run .. '#' .. attempt",
        put: "local lock = arg.prefix .. 'lock:' .. (job or run) .. '#' .. attempt",
      },
      {
        file: "core/dist/scripts/claim/complete.lua",
        find: "arg.prefix .. 'lock:' .. item.run .. '#' .. attempt",
        put: "arg.prefix .. 'lock:' .. (job_of(item.run) or item.run) .. '#' .. attempt",
      },
      {
        file: "core/dist/scripts/claim/plain.lua",
        find: "= lock .. runs[i] .. '#1', value end",
        put: "= lock .. (job_of(runs[i]) or runs[i]) .. '#1', value end",
      },
      {
        file: "core/dist/scripts/claim/plain-ends.lua",
        find: "locks[i] = prefix .. 'lock:' .. run .. held.lock_ends",
        put: "locks[i] = prefix .. 'lock:' .. (job or run) .. held.lock_ends",
      },
    ],
    trial: quiet,
    caughtBy: ["loss-without-cause"],
  },
  {
    name: "lock-not-taken",
    breaks: "A claimed attempt starts whether or not the voters granted its lock",
    changes: [
      {
        file: "core/dist/lock.js",
        find: "return { refused: [...started], unavailable };",
        put: "return { granted: [...byName.values()].filter((one) => !unavailable.includes(one)), refused: [], unavailable };",
      },
      {
        file: "core/dist/lock.js",
        find: "return this.#held.get(claimed)?.isValid() ?? false;",
        put: "return true;",
      },
    ],
    trial: rolledBack,
    caughtBy: ["duplicate"],
  },
  {
    name: "lock-released",
    breaks: "The lock of an attempt that has ended is released at the voters",
    changes: [
      {
        file: "core/dist/lock.js",
        find: "forget(claimed) {\n        this.#held.delete(claimed);",
        put: "forget(claimed) {\n        void this.release([claimed]);",
      },
    ],
    trial: rolledBack,
    caughtBy: ["duplicate"],
  },
  {
    name: "completion-applied-twice",
    breaks: "A request that is sent again is applied again",
    changes: [
      {
        file: "core/dist/scripts/claim.lua",
        find: "if number == last_number then",
        put: "if number < last_number then",
      },
      {
        file: "core/dist/scripts/claim/plain.lua",
        find: "if number == last_number then return nil end",
        put: "if number < last_number then return nil end",
      },
    ],
    trial: noReplies,
    caughtBy: ["loss-without-cause"],
  },
];
