import { factsOf, groupBy } from "../case.js";
import { namesIn } from "./calm.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";

/**
 * What the evidence of a trial that came to its end has in any case is there, since what is not there breaks no rule: each kind of line that no trial
 * is without, each operation's number and answer, who was given something, or led, as witnessed outside the store, and of each handler that began
 * that its node had heard of it. Lines of which a trial may have none, such as refusals, may be missing all the same.
 */
export const evidenceIsWhole: HistoryRule = (ledger) => {
  const { evidence, trial } = ledger;
  const places = ledger.parts.map(({ partition }) => partition);
  const kinds = new Set(
    evidence.map((line) => {
      if (line.kind === "phase") return `the phase ${line.phase}`;
      if (line.kind === "memory") return `what its data take when ${line.when}`;
      if (line.kind === "store") return `the store's keys when ${line.when}${where(line.partition)}`;
      return line.kind === "told" || line.kind === "leases" ? line.kind + where(line.partition) : line.kind;
    }),
  );
  const parts = [
    ...["the phase begun", "the phase healed", "the phase removed"],
    ...places.flatMap((place) =>
      ["settled", "removed", "stopped"].map((when) => `the store's keys when ${when}${where(place)}`),
    ),
    ...places.flatMap((place) => [`told${where(place)}`, `leases${where(place)}`]),
    ...[
      "claimed",
      "start",
      "end",
      "accepted",
      "doctor",
      "what its data take when begun",
      "what its data take when stopped",
    ],
    ...(trial.voters > 0 ? ["lock"] : []),
    ...(trial.tellsStops ? ["stopped"] : []),
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

/** For so many ms a node's view of Redis' clock may differ from the machine's, and within so many a node that lives says something. */
const blur = 5;
const soon = 1000;

/** What evidence of one of several partitions is called by. */
function where(partition = 0): string {
  return partition === 0 ? "" : ` in partition ${partition}`;
}

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

/** Nodes take down who they are before they are given anything, that they were given it before they begin it, and that they lead before they say so. */
function unwitnessed({ evidence, told }: Ledger): string[] {
  const heard = new Set(factsOf(evidence, "claimed").map(({ token, node }) => `${token} ${node}`));
  const unheard = factsOf(evidence, "start").filter(({ token, node }) => !heard.has(`${token} ${node}`));
  const up = new Set(factsOf(evidence, "up").map(({ id }) => id));
  const elected = new Set(
    factsOf(evidence, "elected").map(({ epoch, partition }) => `${epoch}${where(partition)}`),
  );
  // It tells the store, and listeners in the next turn: between the two it may have been killed.
  const names = namesIn(evidence);
  const said = groupBy(evidence, ({ node }) => node);
  const saidMore = (id: string, t: number): boolean =>
    said.get(names.get(id) ?? id)?.some(({ at }) => at > t + blur && at <= t + soon) ?? true;
  const strangers = new Set<string>();
  const terms = new Set<string>();
  for (const line of told) {
    if (line.what === "started" && !up.has(line.node) && !line.node.startsWith("impostor-"))
      strangers.add(line.node);
    if (line.what === "other" && line.word === "leaderElected" && saidMore(line.subject, line.t))
      terms.add(`${line.rest[0]}${where(line.partition)}`);
  }
  return [
    ...unheard.map(({ run, attempt, node }) => `what ${node} heard of ${run}#${attempt} before it began`),
    ...[...strangers].map((node) => `the joining of ${node}`),
    ...[...terms].flatMap((epoch) => (elected.has(epoch) ? [] : [`the election of term ${epoch}`])),
  ];
}
