import { factsOf, groupBy } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";

/** Milliseconds that a process takes at most: nodes wait 15 s for handlers, and 1 s more for those that were told to stop. */
const most = 17_000;

/** How long after a fault a node may still be about to find its servers again, ms. */
const after = 3000;

/** Faults that keep nobody from leaving: SIGTERM itself, and those that nothing is late for. */
const harmless =
  /^(node-restart|rolling-restart|node-clock-jump|leader-lease-deleted|locks-deleted|script-flush)$/;

/**
 * A process that was told SIGTERM ends by itself, in good order and in time, whatever its handlers do, unless something else befell it meanwhile, or
 * one of the servers. One whose program had not begun yet ends by the signal.
 */
export const stopsEnd: HistoryRule = ({ evidence }) => {
  const names = new Set(factsOf(evidence, "up").map(({ node }) => node));
  const faults = factsOf(evidence, "fault").filter(
    ({ fault, proof }) => proof !== "" && !harmless.test(fault),
  );
  const befell = (name: string, from: number, until: number): boolean =>
    faults.some((fault) => {
      if (fault.from > until || fault.until + after < from) return false;
      if (names.has(fault.target)) return fault.target === name;
      // Of a node that was chosen when it happened, or of several, the proof says which.
      return !/^(leader|nodes)$/.test(fault.target) || fault.proof.includes(`(${name})`);
    });
  // It listens to signals before it says the first word.
  const said = groupBy(evidence, ({ node }) => node);
  const hadBegun = (name: string, since: number, asked: number): boolean =>
    (said.get(name) ?? []).some(({ at }) => since <= at && at < asked);
  return factsOf(evidence, "stopped").flatMap(({ process, since, asked, took, exit }): Finding[] => {
    if (exit === "exit code 0" && took <= most) return [];
    if (exit === "SIGTERM" && !hadBegun(process, since, asked)) return [];
    if (befell(process, asked, asked + took)) return [];
    const message = `The process of ${process} was told to end, and ended by ${exit} after ${took} ms, though nothing befell it meanwhile.`;
    return [{ rule: "stop", at: asked, message, about: [] }];
  });
};
