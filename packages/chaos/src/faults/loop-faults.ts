import { found } from "../found.js";
import type { Befallen, FaultKind, Hands } from "./fault.js";
import { longerThanLease, nodeAt, shorterThanLease } from "./hands.js";

const onNodes: FaultKind["targets"] = ({ nodes }) => nodes;

/** Its event loop stands still for less than its lease, while the process runs. */
export const loopBlock: FaultKind = {
  name: "loop-block",
  targets: onNodes,
  lasts: shorterThanLease,
  begin: block,
};

/** The same for longer than its lease: its heartbeat stops with the loop, it is declared dead, and starts over. */
export const loopBlockLong: FaultKind = {
  name: "loop-block-long",
  targets: onNodes,
  lasts: longerThanLease,
  begin: block,
};

async function block(hands: Hands): Promise<Befallen> {
  const node = nodeAt(hands);
  const before = hands.trial.facts("event").length;
  node.block(hands.lasts);
  return {
    proof: async () => {
      const told = (): unknown =>
        hands.trial
          .facts("event")
          .slice(before)
          .find((line) => line.node === node.name && line.event === "blocked")?.details;
      const details = await found(told, hands.lasts + 10_000).catch(() => undefined);
      if (details === undefined) return "";
      const { ms } = details as { readonly ms: number };
      return ms >= hands.lasts ? `${node.name} took down that its loop stood for ${Math.round(ms)} ms` : "";
    },
  };
}
