import type { Finding, HistoryRule } from "./finding.js";
import { type Ledger, partsOf } from "./ledger.js";
import type { Claim } from "./told.js";

/**
 * A run of a job with the overlap `replace` cuts the one short that holds the job. From then on that one ends: no other attempt of it follows, or
 * is given out. A further attempt cuts nothing short: it waits until no newer run holds the job.
 */
export const replacedRunsEnd: HistoryRule = (ledger) =>
  [...ledger.jobs.values()].flatMap(({ id, job }) => (job.overlap === "replace" ? ofJob(ledger, id) : []));

function ofJob(ledger: Ledger, job: string): Finding[] {
  const found: Finding[] = [];
  const replaced = new Map<string, Claim>();
  let holder: Claim | undefined;
  for (const line of ledger.told) {
    if (line.what === "other" || partsOf(line.run).job !== job) continue;
    const by = replaced.get(line.run);
    const wrong = (what: string, other: Claim): number =>
      found.push({
        rule: "replaced-goes-on",
        at: line.t,
        message: `${line.run}#${line.attempt} ${what} ${other.run}#${other.attempt}, which had been given out ${line.t - other.t} ms before; ${job} has the overlap replace.`,
        about: [line.run, other.run],
      });
    if (line.what === "ended") {
      if (line.state === "m") continue;
      replaced.delete(line.run);
      if (holder?.run === line.run) holder = undefined;
    } else if (by !== undefined) {
      wrong(
        `${line.what === "again" ? "is to have another attempt" : "was given out"} after it was replaced by`,
        by,
      );
    } else if (line.what === "started") {
      if (holder !== undefined && holder.run !== line.run) {
        if (line.attempt > 1) wrong("was given out beside", holder);
        else replaced.set(holder.run, line);
      }
      // What is handed back holds its job no more, from when on is not told.
      holder = ledger.handedBack(line) ? undefined : line;
    }
  }
  return found;
}
