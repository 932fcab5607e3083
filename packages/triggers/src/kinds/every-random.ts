import type { FireTimes } from "../compiled-trigger.js";
import { draw } from "../draw.js";
import { hash32 } from "../hash.js";
import { parseDuration } from "../input/duration.js";
import { InvalidTriggerError } from "../invalid-trigger-error.js";
import { maxRandomSteps } from "../limits.js";
import type { EveryRandomTrigger } from "../trigger.js";
import type { Kind } from "./kind.js";
import { createRandomChain } from "./random-chain.js";

/**
 * Fires after pauses drawn by hash of the job's id and the fire time before. The anchor counts as the one before the first.
 * Since each pause hangs on the fire time before it alone, any fire time that is known serves as well to go on from.
 *
 * One computation goes on by 50,000 fire times. For an instant after these `next` takes that instant itself as a fire time,
 * and `previous` answers with the last one reached.
 */
export const everyRandomKind: Kind<EveryRandomTrigger> = {
  properties: ["min", "max"],
  parse: (properties) => {
    const min = parseDuration(properties.get("min"), "min");
    const max = parseDuration(properties.get("max"), "max");
    if (min <= max) return { type: "everyRandom", min, max };
    throw new InvalidTriggerError(
      "INVALID_INTERVAL",
      `min is ${min} ms and max ${max} ms: give the shorter pause first`,
      { field: "min", value: min },
    );
  },
  compile: ({ min, max }, { jobId = "", anchor, fireTime }) => {
    if (min === max) return evenly(anchor, min);
    const size = max - min + 1;
    // As good as the id itself, whose hash has no more bits, and quicker if the id is long.
    const seed = hash32(jobId, 0).toString(36);
    const follow = (time: number): number => time + min + draw(seed, time, size);
    const chain = createRandomChain(fireTime ?? anchor, follow, maxRandomSteps);
    return fireTime === undefined ? chain : including(fireTime, chain);
  },
};

/** The chain with what it starts from, which is a fire time itself. */
function including(first: number, chain: FireTimes): FireTimes {
  return {
    next: (after) => (after < first ? first : chain.next(after)),
    previous: (through) => (through < first ? null : (chain.previous(through) ?? first)),
  };
}

function evenly(anchor: number, pause: number): FireTimes {
  const upTo = (through: number): number => Math.max(0, Math.floor((through - anchor) / pause));
  return {
    next: (after) => anchor + (upTo(after) + 1) * pause,
    previous: (through) => (upTo(through) === 0 ? null : anchor + upTo(through) * pause),
    count: (after, through) => Math.max(0, upTo(through) - upTo(after)),
  };
}
