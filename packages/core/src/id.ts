import { randomInt } from "node:crypto";
import { customAlphabet } from "nanoid";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const random12 = customAlphabet(alphabet, 12);
const random8 = customAlphabet(alphabet, 8);

/** A node's identity: new at each boot, and after each death. */
export function newNodeId(): string {
  return random12();
}

/** What tells runs apart that were started by hand in the same millisecond. */
export function newSuffix(): string {
  return random8();
}

let lastTime = 0;
let sequence = 0;
/** Tells the runs of processes apart; drawn anew each ms, so that a process that was copied while it ran has its own soon. */
let suffix = "";

/**
 * The id of an enqueued run: sorts by time, and within a process by order, so that runs that become ready in the same
 * millisecond are claimed in the order in which they were enqueued.
 */
export function newRunId(now: number): string {
  if (now > lastTime || suffix === "") {
    lastTime = Math.max(now, lastTime);
    sequence = 0;
    suffix = random8();
  } else sequence += 1;
  return `${lastTime.toString(36).padStart(9, "0")}${sequence.toString(36).padStart(4, "0")}${suffix}`;
}

/** A delay in ms drawn from the upper half of `ceiling`. */
export function jittered(ceiling: number): number {
  return Math.ceil(ceiling / 2) + randomInt(Math.max(1, Math.floor(ceiling / 2)));
}

/** A share drawn from [0, 1). */
export function randomShare(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}
