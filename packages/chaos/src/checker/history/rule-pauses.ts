import type { Evidence } from "../../evidence/evidence.js";
import {
  type Given,
  givenIn,
  judgePauses,
  mostAfterPause,
  type Pausable,
  type PauseFindings,
} from "../../pauses/pause-rules.js";
import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";
import { placesOf } from "./rule-places.js";

/** How long after its claim a handler may begin though nobody froze its process: the processor may be busy, and voters have to be asked. */
const slack = { alone: 2500, voters: 8000 };

/**
 * What the driver did to pauses, in the form in which those who set keys by hand take it down. A time to live passes by the server's clock: where somebody
 * moved that, it may be over sooner.
 */
function asPauseEvidence({ operations, serverTime: time }: Ledger): Evidence[] {
  const shortest = (ttl: number, asked: number, heard: number): number =>
    time.earliest(time.least(asked, heard) + ttl, asked) - asked;
  return operations.flatMap(({ op, does, asked, heard, end, answer }): Evidence[] => {
    const sets = does.do === "pause" || does.do === "set";
    if (!sets && does.do !== "resume" && does.do !== "del") return [];
    if (end === "refused") return [];
    const act = sets
      ? ({
          set: true,
          ...(does.ttl !== undefined && { ttl: shortest(does.ttl, asked.wall, heard.wall) }),
        } as const)
      : ({ set: false } as const);
    const lines: Evidence[] = [
      {
        node: "driver",
        mono: asked.mono,
        at: asked.wall,
        kind: "asked",
        act: op,
        pause: does.name,
        does: act,
      },
    ];
    if (end === "acknowledged" && answer !== "unanswered")
      lines.push({ node: "driver", mono: heard.mono, at: heard.wall, kind: "acknowledged", act: op });
    return lines;
  });
}

/**
 * The attempts that the store gave out, by what it told of them, whether their nodes heard of that or not; and those that only nodes know of, since
 * the store has lost what it told.
 */
function givenOut({ evidence, runs, momentOf }: Ledger): Given[] {
  const claims = [...runs.values()].flatMap((run) => run.claims);
  const told = new Set(claims.map(({ token }) => token));
  const others = evidence.filter((line) => line.kind !== "claimed" || !told.has(line.token));
  return [
    ...claims.map((line) => ({ run: line.run, attempt: line.attempt, to: line.node, ...momentOf(line) })),
    ...givenIn(others),
  ];
}

/** How what happened agrees with the pauses. */
export function pausesIn(ledger: Ledger): PauseFindings {
  const { evidence, operations, jobs } = ledger;
  const placed = placesOf(ledger);
  const things: Pausable[] = [...jobs.values()].map(
    ({ id, job: { task, queue = "default", tags = [], overlap } }) => {
      return { id, task, queue, tags, beside: overlap === "allow" };
    },
  );
  for (const { does } of operations) {
    if (does.do !== "enqueue") continue;
    for (const { id = "" } of does.runs) {
      const { task, queue = "default" } = placed(id) ?? { task: does.task };
      things.push({ id, task, queue, tags: [], beside: true });
    }
  }
  const others = evidence.filter(({ kind }) => kind !== "asked" && kind !== "acknowledged");
  return judgePauses([...others, ...asPauseEvidence(ledger)], things, givenOut(ledger));
}

/** Nothing is given out under a pause, and what was given out before it begins soon after, or was frozen. */
export const nothingStartsPaused: HistoryRule = (ledger) => {
  const { claimed, started, spans } = pausesIn(ledger);
  const given = new Map(givenOut(ledger).map((one) => [`${one.run}#${one.attempt}`, one.least]));
  const under = claimed.map(({ what, pause, ms }): Finding => {
    const run = what.slice(0, what.lastIndexOf("#"));
    const message = `${what} was given out ${ms} ms after the pause ${pause} had been acknowledged.`;
    return {
      rule: "paused-claim",
      at: given.get(what) ?? 0,
      message,
      about: [run, `pause:${pause}`],
    };
  });
  // Whatever befell its process, the store or the way between them may have kept the answer to the claim.
  const faults = factsOf(ledger.evidence, "fault");
  const most = mostAfterPause + (ledger.trial.voters === 0 ? slack.alone : slack.voters);
  const begun = started.flatMap(({ what, pause, ms }): Finding[] => {
    const [run = "", attempt] = [
      what.slice(0, what.lastIndexOf("#")),
      Number(what.slice(what.lastIndexOf("#") + 1)),
    ];
    const begin = ledger.runs.get(run)?.begins.find((one) => one.attempt === attempt);
    if (begin === undefined || ms <= most) return [];
    const from = begin.at - ms;
    if (faults.some((fault) => fault.from < begin.at && fault.until + most > from)) return [];
    const message = `${what} began ${Math.round(ms)} ms after the pause ${pause} had been acknowledged.`;
    return [{ rule: "paused-start", at: begin.at, message, about: [run, `pause:${pause}`] }];
  });
  return spans.length === 0 ? [] : [...under, ...begun];
};
