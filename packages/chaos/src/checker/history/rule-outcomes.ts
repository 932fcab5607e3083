import type { Evidence } from "../../evidence/evidence.js";
import { factsOf, groupBy } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { End } from "./told.js";
import { votesLost } from "./votes.js";

/** What a node says when its outcome was taken, as a line of the history has it. */
const outcomes: Readonly<Record<string, string>> = {
  succeeded: "s",
  failed: "f",
  "timed-out": "t",
  cancelled: "c",
};

/** A run ends once, and nothing of it starts or ends after that; of each attempt one end is recorded. */
export const runsEndOnce: HistoryRule = ({ runs }) =>
  [...runs.values()].flatMap(({ id, claims, ends }) => {
    const found: Finding[] = [];
    const tokens = new Set<string>();
    for (const end of ends) {
      if (end.token !== "0" && tokens.has(end.token))
        found.push({
          rule: "accepted-twice",
          at: end.t,
          message: `${id}#${end.attempt} has two outcomes.`,
          about: [id],
        });
      tokens.add(end.token);
    }
    const final = ends.find(({ what }) => what === "ended");
    if (final === undefined) return found;
    // What is skipped since a parent's run did not succeed has its run after all if that is retried.
    const later = [...claims, ...ends].find(({ index }) => index > final.index);
    if (later !== undefined && final.reason !== "dependency") {
      const message = `${id} had ended (${final.state}), and ${later.what === "started" ? "was given out" : "ended"} again.`;
      found.push({ rule: "ended-twice", at: later.t, message, about: [id] });
    }
    return found;
  });

/** What a node was told to be accepted is what the store recorded of this very token, and the other way round. */
export const acceptedIsRecorded: HistoryRule = ({ evidence, ended, begun, runs, trial }) => {
  const accepted = factsOf(evidence, "accepted").flatMap(
    ({ run, attempt, token, outcome, at, node }): Finding[] => {
      const end = ended.get(token);
      const same = end?.run === run && end.attempt === attempt;
      if (same && end.state === outcomes[outcome]) return [];
      // A run that was cancelled meanwhile ends as cancelled, if its attempt did not succeed: what was asked holds for the run.
      if (same && end.state === "c" && outcome !== "succeeded") return [];
      const recorded = end === undefined ? "nothing" : `${end.run}#${end.attempt} ${end.state}`;
      const message = `${node} was told that ${run}#${attempt} is accepted as ${outcome}; of its token ${token} the store recorded ${recorded}.`;
      return [{ rule: "late-accepted", at, message, about: [run] }];
    },
  );
  const unheard = [...runs.values()].flatMap(({ id, ends }) =>
    ends.flatMap((end): Finding[] => {
      if (!/[sft]/.test(end.state) || begun.has(end.token)) return [];
      const message = `${id}#${end.attempt} ended as ${end.state}, and no handler of token ${end.token} began.`;
      return [{ rule: "outcome-without-start", at: end.t, message, about: [id] }];
    }),
  );
  return [...accepted, ...unheard, ...acceptedElsewhere(evidence, trial.voters)];
};

/**
 * What is accepted is so once, and for a process in which the handler began. With voters an attempt has one outcome at most, whatever the store loses, as long
 * as nobody deletes what they remember.
 */
function acceptedElsewhere(evidence: readonly Evidence[], voters: number): Finding[] {
  const withVoters = voters >= 3;
  const isForgotten = votesLost(evidence, voters);
  const began = groupBy(factsOf(evidence, "start"), ({ token }) => token);
  const heard = new Map<string, number>();
  return factsOf(evidence, "accepted").flatMap(({ run, attempt, token, node, at }): Finding[] => {
    const what = withVoters ? `${run}#${attempt}` : token;
    const [before, first] = [heard.get(what), began.get(token)?.[0]?.at ?? at];
    const again = before !== undefined;
    heard.set(what, first);
    const elsewhere = began.get(token)?.every((begin) => begin.node !== node) ?? false;
    if (!again && !elsewhere) return [];
    const message = `${node} was told that ${run}#${attempt} is accepted, which ${again ? "had been told before" : "began elsewhere"}.`;
    const explainedByLoss =
      !again || !withVoters || isForgotten(Math.min(before, first), Math.max(before, first));
    return [{ rule: "accepted-twice", at, message, about: [run], explainedByLoss }];
  });
}

/** A handler that succeeded came to its end first, after it had begun. */
export const successFollowsEnd: HistoryRule = ({ evidence, runs }) => {
  const began = groupBy(factsOf(evidence, "start"), ({ token }) => token);
  const ends = new Set<string>(
    factsOf(evidence, "end").flatMap(({ token, mono }) =>
      began.get(token)?.every((begin) => begin.mono > mono) ? [] : [token],
    ),
  );
  return [...runs.values()].flatMap(({ id, ends: told }) =>
    told.flatMap((end): Finding[] => {
      if (end.state !== "s" || ends.has(end.token)) return [];
      const message = `${id}#${end.attempt} is recorded as succeeded, and its handler did not come to its end.`;
      return [{ rule: "outcome-without-end", at: end.t, message, about: [id] }];
    }),
  );
};

/** What was told of ends is what the histories hold in the end, entry by entry, but for enqueued runs of which the store does not keep all. */
export const historyIsWhatWasTold: HistoryRule = ({ evidence, told, trial }) => {
  const dump = factsOf(evidence, "store").findLast(({ when }) => when === "stopped");
  if (dump === undefined) return [];
  const kept = new Map<string, number>();
  const add = (owner: string, head: string, by: number): void => {
    const key = `${owner} ${head}`;
    kept.set(key, (kept.get(key) ?? 0) + by);
  };
  for (const [name, { value }] of Object.entries(dump.dump)) {
    const owner = /^(?:history|failures):([^~].*)$/.exec(name)?.[1];
    if (owner !== undefined) for (const text of value as string[]) add(owner, headOf(text), 1);
    if (name === "finished")
      for (const [run, text] of Object.entries(value as Record<string, string>)) add(run, headOf(text), 1);
  }
  const ends = told.filter((line): line is End => line.what === "ended");
  for (const { run, head } of ends)
    add(run.includes("@") ? run.slice(0, run.lastIndexOf("@")) : run, head, -1);
  const enqueued = ends.filter(({ run }) => !run.includes("@"));
  const forgotten = new Set(
    enqueued.length > trial.keptRuns ? enqueued.map(({ run, head }) => `${run} ${head}`) : [],
  );
  const wrong = [...kept].filter(([key, count]) => count !== 0 && !(count < 0 && forgotten.has(key)));
  return [...groupBy(wrong, ([key]) => key.slice(0, key.indexOf(" ")))].map(([owner, some]) => ({
    rule: "history",
    at: dump.at,
    message: `The history of ${owner} and what was told of it differ: ${some
      .slice(0, 3)
      .map(([key, count]) => `${key} ${count > 0 ? "is kept only" : "was told only"}`)
      .join("; ")}.`,
    about: [owner],
  }));
};

function headOf(text: string): string {
  return text.split(" ", 7).join(" ");
}
