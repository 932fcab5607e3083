import { canMoveClocks } from "@escapement/testing";
import { found } from "../found.js";
import type { Trial } from "../trial.js";
import { type FaultKind, nothingHappened } from "./fault.js";
import { nodeAt } from "./hands.js";

/**
 * The wall clock of a node that runs, and may lead, jumps 1 to 12 hours ahead or back, and returns later. Its monotonic clock, by which its timers and
 * the evidence go, does not move. It behaves like all others: what it decides by time it asks Redis for, or measures by the monotonic clock.
 */
export const nodeClockJump: FaultKind = {
  name: "node-clock-jump",
  targets: ({ nodes }) => (canMoveClocks() ? nodes : []),
  lasts: [2000, 8000],
  settles: 3000,
  weight: 2,
  begin: async (hands) => {
    const { trial, target, random } = hands;
    const node = nodeAt(hands);
    const clock = trial.clockOf(target);
    if (clock === undefined) return nothingHappened;
    const off = random.pick([-1, 1]) * random.between(3_600_000, 43_200_000);
    const before = await saidAhead(trial, target);
    clock.move(off);
    const during = await saidAhead(trial, target).catch(() => undefined);
    return {
      end: () => clock.move(0),
      proof: async () => {
        const after = await saidAhead(trial, target);
        const holds = near(before, 0) && near(during, off) && near(after, 0) && node.exit === undefined;
        return holds
          ? `process ${node.pid} (${target}) said that its clock was ahead of the machine's by ${before}, ${during} and ${after} ms`
          : "";
      },
    };
  },
};

/** By how many ms the node's wall clock is ahead of the machine's, as it takes it down itself; the evidence has the machine's beside it. */
async function saidAhead(trial: Trial, name: string): Promise<number> {
  const told = (): { at: number; details: unknown }[] =>
    trial.facts("event").filter(({ node, event }) => node === name && event === "clock");
  const before = told().length;
  trial.nodes.get(name)?.tellClock();
  const { at, details } = await found(() => told()[before], 10_000);
  return (details as { readonly now: number }).now - at;
}

function near(said: number | undefined, expected: number): boolean {
  return said !== undefined && Math.abs(said - expected) < 60_000;
}
