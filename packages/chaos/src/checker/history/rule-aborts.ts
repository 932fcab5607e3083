import { factsOf, groupBy } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Begin, Ledger } from "./ledger.js";
import { ordersOf } from "./versions.js";

/** Within so many ms of a node's death a handler that listens to its signal has heard of it and stopped, if its process runs: the processor may be busy. */
const stopsWithin = 3000;

/** What keeps a process from running: it befalls one, who leads, or all. */
const befallsProcess = /^(leader|nodes)$/;

/** A process that learnt that its identity is dead, ms; `since` when it had that. */
interface Death {
  readonly node: string;
  readonly at: number;
  readonly mono: number;
  readonly since: number;
}

/** A handler that listens to its signal comes to its end soon after its own node has learnt that it is dead: it does not do the rest of its work. */
export const deadNodesStopTheirHandlers: HistoryRule = (ledger) => {
  const { evidence, runs } = ledger;
  const orders = ordersOf(ledger);
  const overs = [...factsOf(evidence, "end"), ...factsOf(evidence, "aborted")];
  const over = new Map(overs.map((line) => [`${line.node} ${line.token}`, line]));
  const begins = [...runs.values()].flatMap((run) => run.begins.map((begin) => ({ run, begin })));
  return deathsIn(ledger).flatMap((death) => {
    const most = longestFor(ledger, death);
    return begins.flatMap(({ run, begin }): Finding[] => {
      const end = over.get(`${begin.node} ${begin.token}`);
      if (!ranThen(begin, death) || end === undefined || end.mono - death.mono <= most) return [];
      const claim = run.claims.find(({ token }) => token === begin.token);
      const all = orders(run.id, claim, begin.at);
      if (all.length === 0 || !all.every(({ input }) => input?.listens === true)) return [];
      const late = Math.round(end.mono - death.mono);
      const message = `The handler of ${run.id}#${begin.attempt} went on for ${late} ms after ${death.node} had learnt that it is dead.`;
      return [
        { rule: "not-aborted", at: end.at, message, about: [run.id, death.node], explainedByLoss: false },
      ];
    });
  });
};

/** Of the identity that the process has then: who leads may tell of one that its name had before. */
function deathsIn({ evidence }: Ledger): Death[] {
  const ups = groupBy(factsOf(evidence, "up"), ({ node }) => node);
  return factsOf(evidence, "event").flatMap(({ event, details, node, at, mono }): Death[] => {
    if (event !== "nodeDead") return [];
    const up = ups.get(node)?.findLast((one) => one.mono <= mono);
    return up?.id === (details as { readonly node: string }).node ? [{ node, at, mono, since: up.mono }] : [];
  });
}

/** Whether a handler began under the identity that died then. */
function ranThen({ node, mono }: Begin, death: Death): boolean {
  return node === death.node && mono > death.since && mono < death.mono;
}

/** How long after its death a handler may still run, ms: from the end of what befell its process meanwhile. */
function longestFor({ evidence }: Ledger, { node, at }: Death): number {
  const faults = factsOf(evidence, "fault")
    .filter(({ target }) => target === node || befallsProcess.test(target))
    .sort((a, b) => a.from - b.from);
  let by = at + stopsWithin;
  for (const { from, until } of faults) if (from < by && until > at) by = Math.max(by, until + stopsWithin);
  return by - at;
}
