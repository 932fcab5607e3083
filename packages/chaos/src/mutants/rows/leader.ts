import type { Change, Mutant } from "../mutant.js";
import { lateLeader, lateOfChanged } from "../trials/late-write.js";
import { killed, noNodes } from "../trials/node-faults.js";
import { paused } from "../trials/paused.js";
import { quiet } from "../trials/quiet.js";
import { formerLeader } from "../trials/whole.js";

const noCompareAndSet: Change = {
  file: "core/dist/scripts/materialise.lua",
  find: `job.current = cursors[i] and int(tonumber(cursors[i])) == job.expected and records[i]
    and string.match(states[i] or '', '^%S+') == job.version`,
  put: "job.current = records[i]",
};

/** A script of a leader, other than materialise, that takes what one of an older term asks for. */
function anyTerm(script: string, does: string): Mutant {
  return {
    name: `any-term-${script}`,
    breaks: `A leader of an older term ${does}`,
    changes: [
      {
        file: `core/dist/scripts/${script}.lua`,
        find: "if epoch ~= arg.epoch then",
        put: "if not epoch then",
      },
    ],
    trial: formerLeader,
    caughtBy: ["stale-write"],
  };
}

/** What a leader does wrong. */
export const leaderMutants: readonly Mutant[] = [
  {
    name: "no-epoch-check",
    breaks: "Materialise takes what a leader of an older term writes",
    changes: [
      {
        file: "core/dist/scripts/materialise.lua",
        find: "if epoch ~= arg.epoch then",
        put: "if not epoch then",
      },
      noCompareAndSet,
    ],
    secondLayers: ["the compare-and-set on the job's version and cursor refuses what is out of date as well"],
    trial: lateLeader,
    caughtBy: ["duplicate"],
  },
  anyTerm("recover", "declares nodes dead and takes over what they held"),
  anyTerm("sweep", "mends what it takes for broken"),
  anyTerm("watch", "lets go on what a pause held back"),
  anyTerm("pass-over", "passes over what came due under a pause"),
  anyTerm("park", "takes a job out of the way"),
  {
    name: "no-compare-and-set",
    breaks:
      "Materialise does not compare the job's version and next fire time with those that it was computed from",
    changes: [noCompareAndSet],
    trial: lateOfChanged,
    caughtBy: ["never-due", "missed"],
  },
  {
    name: "catch-up-skipped",
    breaks: "A leader goes on from now where the stored cursor is behind",
    changes: [
      {
        file: "core/dist/materialise.js",
        find: "planFireTimes(compiled.trigger, job.cursor, compiled.rule,",
        put: "planFireTimes(compiled.trigger, job.cursor < now ? (compiled.trigger.next(now) ?? job.cursor) : job.cursor, compiled.rule,",
      },
    ],
    trial: noNodes,
    caughtBy: ["missed"],
  },
  {
    name: "pause-moves-on",
    breaks: "Materialise moves a paused job on as if it had written its fire times",
    changes: [
      {
        file: "core/dist/scripts/materialise.lua",
        find: "redis.call('ZADD', key.frozen, job.expected, job.id)",
        put: "redis.call('ZADD', key.frozen, job.next_time ~= '' and job.next_time or job.expected, job.id)",
      },
    ],
    trial: paused,
    caughtBy: ["missed"],
  },
  {
    name: "end-pause-nothing",
    breaks: "The end of a pause lets nothing go that it held back",
    changes: [
      {
        file: "core/dist/scripts/lib/pauses.lua",
        find: "for _, job in ipairs(jobs) do release_from_pause(job, now) end",
        put: "",
      },
    ],
    trial: paused,
    caughtBy: ["held-on", "mended"],
  },
  {
    name: "recover-skipped",
    breaks: "What a dead node held is never given to another",
    changes: [
      {
        file: "core/dist/scripts/recover.lua",
        find: "if left <= 0 then break end",
        put: "if left > 0 then break end",
      },
    ],
    trial: killed,
    caughtBy: ["open"],
  },
  {
    name: "dead-not-listed",
    breaks: "A node that is declared dead is not put on the list of those whose runs are taken over",
    changes: [
      {
        file: "core/dist/scripts/recover.lua",
        find: "  redis.call('ZADD', key.dead, int(now), node)\n",
        put: "",
      },
    ],
    trial: killed,
    caughtBy: ["mended"],
  },
  {
    name: "recover-too-early",
    breaks: "The leader declares nodes dead whose lease has not ended",
    changes: [
      {
        file: "core/dist/scripts/recover.lua",
        find: "'-inf', '(' .. int(now), 'BYSCORE'",
        put: "'-inf', '+inf', 'BYSCORE'",
      },
    ],
    trial: quiet,
    caughtBy: ["needless-death"],
  },
  {
    name: "lease-not-exclusive",
    breaks: "Acquire gives the leader's lease although another holds it",
    changes: [
      {
        file: "elector/dist/scripts/acquire.lua",
        find: "if holder and holder ~= arg.id then",
        put: "if holder and holder == arg.id and ended > epoch then",
      },
    ],
    trial: quiet,
    caughtBy: ["lease-taken"],
  },
];
