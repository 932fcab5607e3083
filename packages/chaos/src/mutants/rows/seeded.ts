import type { Mutant } from "../mutant.js";
import {
  catchingUp,
  declaredDead,
  losingPower,
  punctual,
  restarted,
  seeded,
  takenOut,
} from "../trials/seeded.js";
import { sentAgain, whole } from "../trials/whole.js";
import { countsOnly } from "./claim.js";

/** What only the workload of the seeded mode brings to light, and the checker of whole histories sees. */
export const seededMutants: readonly Mutant[] = [
  {
    name: "all-late",
    breaks: "Whatever has a fire time is ready to start only four seconds after it",
    changes: [
      {
        file: "core/dist/materialise.js",
        find: "                    ? time\n",
        put: "                    ? time + 4000\n",
      },
    ],
    trial: punctual,
    caughtBy: ["late-in-calm"],
  },
  {
    name: "slow-begin",
    breaks: "A node takes its time to begin what it has been given",
    changes: [
      {
        file: "core/dist/held-runs.js",
        find: "        this.#attempts.start(claimed, task);",
        put: "        setTimeout(() => this.#attempts.start(claimed, task), 400);",
      },
    ],
    trial: seeded,
    caughtBy: ["paused-start", "late-in-calm"],
  },
  {
    name: "rate-not-counted",
    breaks: "Claim does not look when the latest runs of a rate started",
    changes: [
      {
        file: "core/dist/scripts/claim/rates.lua",
        find: "if places > 0 and not (opens and opens > now) then return nil end",
        put: "if places > 0 then return nil end",
      },
    ],
    trial: seeded,
    caughtBy: ["rate"],
  },
  {
    name: "max-runs-not-counted",
    breaks: "Claim does not count the runs that a job has had",
    changes: [
      {
        file: "core/dist/scripts/claim/max-runs.lua",
        find: "redis.call('HINCRBY', key.counts, job, 1) >= most",
        put: "redis.call('HINCRBY', key.counts, job, 0) >= most",
      },
    ],
    trial: seeded,
    caughtBy: ["max-runs"],
  },
  {
    name: "retry-not-awaited",
    breaks: "A run that failed is ready again at once, whatever its backoff",
    changes: [
      {
        file: "core/dist/scripts/lib/ends.lua",
        find: "if not_before > now then",
        put: "if not_before < now then",
      },
    ],
    trial: seeded,
    caughtBy: ["attempt-order"],
  },
  {
    name: "input-not-handed",
    breaks: "Handlers get no input",
    changes: [
      {
        file: "core/dist/execution.js",
        find: "handler(new HandlerContext(this, this.#around, input))",
        put: "handler(new HandlerContext(this, this.#around, undefined))",
      },
    ],
    trial: seeded,
    caughtBy: ["input"],
  },
  {
    name: "timeout-not-enforced",
    breaks: "No attempt's timeout ever goes off",
    changes: [
      {
        file: "core/dist/execution.js",
        find: "if (timeout !== undefined)",
        put: "if (timeout === null)",
      },
    ],
    trial: seeded,
    caughtBy: ["timeout-ignored"],
  },
  {
    name: "call-number-not-known",
    breaks: "A call that is sent again is not known by its number",
    changes: [
      {
        file: "core/dist/scripts/lib/once.lua",
        find: "if not number or tonumber(number) < tonumber(arg.number) then return nil end",
        put: "if not number or tonumber(number) <= tonumber(arg.number) then return nil end",
      },
    ],
    trial: sentAgain,
    caughtBy: ["duplicate", "ended-twice", "one-off-again"],
  },
  {
    name: "cancel-not-heard",
    breaks: "A node does not tell handlers that their runs are cancelled",
    changes: [
      {
        file: "core/dist/attempts.js",
        find: "this.#latest().get(run)?.abort(new RunCancelledError(reason));",
        put: "void [run, reason];",
      },
    ],
    trial: whole,
    caughtBy: ["cancel-ignored"],
  },
  {
    name: "cancel-finds-nothing",
    breaks: "A run that runs is not found when it is to be cancelled",
    changes: [
      {
        file: "core/dist/scripts/cancel.lua",
        find: "if ask_to_cancel(arg.run, arg.reason) then",
        put: "if not arg.run then",
      },
    ],
    trial: whole,
    caughtBy: ["cancel-denied"],
  },
  {
    name: "removal-cancels-nothing",
    breaks: "A job that is removed with its runs leaves them running",
    changes: [
      {
        file: "core/dist/scripts/remove.lua",
        find: "if arg.cancel ~= '' then",
        put: "if not arg.cancel then",
      },
    ],
    trial: whole,
    caughtBy: ["cancel-ignored"],
  },
  {
    name: "overlap-always-skips",
    breaks: "Claim skips what should wait for its job's running one, or take its turn",
    changes: [
      {
        file: "core/dist/scripts/claim/overlap.lua",
        find: "if how == 's' and attempt == 1 and",
        put: "if attempt == 1 and",
      },
    ],
    trial: whole,
    caughtBy: ["skipped-for-nothing"],
  },
  {
    name: "failure-not-retried",
    breaks: "A run whose attempt failed is never tried again",
    changes: [
      {
        file: "core/dist/retry.js",
        find: "failures >= retry.attempts",
        put: "failures >= 1",
      },
    ],
    trial: whole,
    caughtBy: ["given-up"],
  },
  {
    name: "delay-not-kept",
    breaks: "What is enqueued with a delay is due at once",
    changes: [
      {
        file: "core/dist/enqueue.js",
        find: 'duration("delay", given["delay"], 0, century)',
        put: "0",
      },
    ],
    trial: whole,
    caughtBy: ["early"],
  },
  {
    name: "resume-passes-over",
    breaks: "A resume from what was missed passes all of it over",
    changes: [
      {
        file: "core/dist/resume.js",
        find: 'if (!ofNode && from !== "missed") {',
        put: "if (!ofNode) {",
      },
    ],
    trial: whole,
    caughtBy: ["missed-for-nothing"],
  },
  {
    name: "dead-left-to-sweeper",
    breaks:
      "As dead-not-listed, where the sweeper has other nodes to mend that were taken off the list by hand",
    changes: [
      {
        file: "core/dist/scripts/recover.lua",
        find: "  redis.call('ZADD', key.dead, int(now), node)\n",
        put: "",
      },
    ],
    trial: takenOut,
    caughtBy: ["mended"],
  },
  {
    name: "stop-hangs",
    breaks: "A node that is told to stop while it carries out runs never does",
    changes: [
      {
        file: "core/dist/worker.js",
        find: "await this.#held.ended(timeout, reason);",
        put: "if (this.#held.size > 0) await new Promise(() => undefined);",
      },
    ],
    trial: restarted,
    caughtBy: ["stop"],
  },
  {
    name: "token-after-loss",
    breaks: "Tokens are a count and do not follow the clock, in a store that loses power and its last writes",
    changes: [countsOnly],
    trial: losingPower,
    caughtBy: ["token-order"],
  },
  {
    name: "no-abort",
    breaks: "A node that is dead does not tell its handlers to stop",
    changes: [
      {
        file: "core/dist/worker.js",
        find: "        this.#held.abort(reason);\n        this.#nap.end();\n        this.#detach();",
        put: "        this.#nap.end();\n        this.#detach();",
      },
    ],
    trial: declaredDead,
    caughtBy: ["not-aborted"],
  },
  {
    name: "makes-up-for-one",
    breaks:
      "Of the fire times that were missed the latest alone is made up for, also where several are to be",
    changes: [
      {
        file: "core/dist/scripts/lib/misfires.lua",
        find: "if most then low, high = #due - most + 1, #due",
        put: "if most then low, high = #due, #due",
      },
    ],
    trial: catchingUp,
    caughtBy: ["misfire"],
  },
];
