import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";
import type { JobStory } from "./definitions.js";
import type { RunStory } from "./ledger.js";
import type { Claim, End, Other, Told } from "./told.js";

/**
 * What shows that an attempt that was given out was handed back before it began: it is given out again under its number, or its run ends. A
 * first attempt may also go without a word of its own, as fire times do that have not started: with its job, when that is removed, changed or
 * exhausted, or among those of an entry for what was missed. One that neither began nor is back is held. Where nodes take down what they hand back
 * (`mayBeBack`), nothing is back of which its node has not said so: a store that gives one attempt to two nodes shows the same.
 */
export function backOf(
  told: readonly Told[],
  runs: ReadonlyMap<string, RunStory>,
  jobs: ReadonlyMap<string, JobStory>,
  isSettled: (token: string) => boolean,
  mayBeBack: (claim: Claim) => boolean,
): (claim: Claim) => Told | undefined {
  const changes = new Map<string, Other[]>();
  const misses = new Map<string, End[]>();
  const add = <T>(to: Map<string, T[]>, key: string, one: T): void => {
    const all = to.get(key);
    if (all === undefined) to.set(key, [one]);
    else all.push(one);
  };
  for (const line of told) {
    if (line.what === "other") {
      // A change that leaves the trigger as it is takes nothing away.
      const isRetimed = line.word === "jobUpdated" && (jobs.get(line.subject)?.spells.length ?? 0) > 1;
      if (isRetimed || /^job(Removed|Exhausted)$/.test(line.word)) add(changes, line.subject, line);
    } else if (line.what === "ended" && line.state === "m")
      add(misses, line.run.slice(0, line.run.lastIndexOf("@")), line);
  }
  const known = new Map<string, Told | undefined>();
  return (claim) => {
    if (isSettled(claim.token) || !mayBeBack(claim)) return undefined;
    if (!known.has(claim.token)) known.set(claim.token, find(claim));
    return known.get(claim.token);
  };

  function find({ run, attempt, index }: Claim): Told | undefined {
    const { job = "", fireTime, claims = [], ends = [] } = runs.get(run) ?? {};
    const own =
      claims.find((other) => other.index > index && other.attempt === attempt) ??
      ends.find((end) => end.index > index && end.what === "ended");
    if (own !== undefined || attempt > 1) return own;
    const change = changes.get(job)?.find((line) => line.index > index);
    if (fireTime === undefined) return change;
    const miss = misses.get(job)?.find((line) => {
      const first = Number(line.run.slice(line.run.lastIndexOf("@") + 1));
      return line.index > index && first <= fireTime && fireTime <= line.finished;
    });
    // Whichever came first: a job that is removed in the end takes nothing along of what was missed long before.
    return (miss?.index ?? Infinity) < (change?.index ?? Infinity) ? miss : change;
  }
}

/** Whether an attempt may have been handed back, by what its node took down before it told the store. Impostors take nothing down. */
export function saidToBeBack(evidence: readonly Evidence[]): (claim: Claim) => boolean {
  const said = new Set(factsOf(evidence, "back").map(({ token }) => token));
  const isTold = factsOf(evidence, "trial").some(({ tellsHandBacks }) => tellsHandBacks);
  return ({ node, token }) => !isTold || said.has(token) || node.startsWith("impostor-");
}
