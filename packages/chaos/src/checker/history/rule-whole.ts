import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";

/**
 * The evidence of a trial that came to its end has all of its parts: what is not there breaks no rule. Every operation has its number and an
 * answer; who was given something, or led, was witnessed outside the store.
 */
export const evidenceIsWhole: HistoryRule = (ledger) => {
  const { evidence, trial } = ledger;
  const kinds = new Set(
    evidence.map((line) => {
      if (line.kind === "phase") return `the phase ${line.phase}`;
      if (line.kind === "memory") return `what its data take when ${line.when}`;
      return line.kind === "store" ? `the store's keys when ${line.when}` : line.kind;
    }),
  );
  const parts = [
    ...["the phase begun", "the phase healed", "the phase removed"],
    ...["the store's keys when settled", "the store's keys when removed", "the store's keys when stopped"],
    ...[
      "told",
      "leases",
      "start",
      "doctor",
      "what its data take when begun",
      "what its data take when stopped",
    ],
    ...(trial.voters > 0 ? ["lock"] : []),
  ];
  const missing = [
    ...parts.filter((part) => !kinds.has(part)),
    ...unheardOperations(ledger),
    ...unwitnessed(ledger),
  ];
  return missing.map((what): Finding => {
    return { rule: "evidence-missing", at: 0, message: `The evidence lacks ${what}.`, about: [] };
  });
};

/** No node's process ends unless somebody ended it. */
export const nodesDoNotCrash: HistoryRule = ({ evidence }) =>
  factsOf(evidence, "event").flatMap(({ event, details, at }): Finding[] => {
    if (event !== "crashed") return [];
    const { node, exit, log } = details as { node: string; exit: string; log: readonly string[] };
    const message = `The process of ${node} ended by itself (${exit}): ${log.join(" | ")}`;
    return [{ rule: "crashed", at, message, about: [], explainedByLoss: false }];
  });

function unheardOperations({ operations }: Ledger): string[] {
  const asked = new Set(operations.map(({ op }) => op));
  const last = Math.max(0, ...asked);
  const gaps = Array.from({ length: last }, (_, index) => index + 1).filter((op) => !asked.has(op));
  const unheard = operations.filter(({ heard }) => heard.mono === Number.POSITIVE_INFINITY);
  return [
    ...gaps.map((op) => `operation ${op}`),
    ...unheard.map(({ op, does }) => `the answer to operation ${op} (${does.do})`),
  ];
}

/** Nodes take down who they are before they are given anything, and that they lead before they say so. */
function unwitnessed({ evidence, told }: Ledger): string[] {
  const up = new Set(factsOf(evidence, "up").map(({ id }) => id));
  const elected = new Set(factsOf(evidence, "elected").map(({ epoch }) => epoch));
  const strangers = new Set<string>();
  const terms = new Set<number>();
  for (const line of told) {
    if (line.what === "started" && !up.has(line.node) && !line.node.startsWith("impostor-"))
      strangers.add(line.node);
    if (line.what === "other" && line.word === "leaderElected") terms.add(Number(line.rest[0]));
  }
  return [
    ...[...strangers].map((node) => `the joining of ${node}`),
    ...[...terms].flatMap((epoch) => (elected.has(epoch) ? [] : [`the election of term ${epoch}`])),
  ];
}
