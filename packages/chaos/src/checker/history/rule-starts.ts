import { parseDuration } from "@escapement/triggers";
import { groupBy } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Begin, RunStory } from "./ledger.js";
import { type RedisClock, redisClockOf } from "./redis-clock.js";
import { votesLost } from "./votes.js";

/** No attempt of a run begins twice. With voters that holds whatever the store loses, as long as nobody deletes what they remember. */
export const attemptsBeginOnce: HistoryRule = ({ runs, trial, evidence }) => {
  const isForgotten = votesLost(evidence, trial.voters);
  return [...runs.values()].flatMap(({ id, begins }) =>
    [...groupBy(begins, ({ attempt }) => String(attempt))].flatMap(([attempt, some]) => {
      const [first, second] = [...some].sort((a, b) => a.at - b.at);
      if (first === undefined || second === undefined) return [];
      const explained = trial.voters < 3 || (some.length === 2 && isForgotten(first.at, second.at));
      return [duplicate(id, attempt, some, explained)];
    }),
  );
};

function duplicate(
  run: string,
  attempt: string,
  begins: readonly Begin[],
  explainedByLoss: boolean,
): Finding {
  const where = begins.map(({ node }) => node).join(" and ");
  const message = `Attempt ${run}#${attempt} started ${begins.length} times, on ${where}.`;
  return { rule: "duplicate", at: begins[1]?.at ?? 0, message, about: [run], explainedByLoss };
}

/** A handler begins only what its node was given by the store, under this token, and not before its time by Redis' clock. */
export const beginsFollowClaims: HistoryRule = ({ runs, operations, evidence }) => {
  const clock = redisClockOf(evidence);
  // What is to start at once is due from when it was asked for: the instant that it is said to be due at is its client's guess at Redis' clock.
  const atOnce = new Set<string>();
  const asked = new Map<string, number>();
  for (const { does, asked: when } of operations)
    for (const { id = "", delay, at } of does.do === "enqueue" ? does.runs : []) {
      const due = dueBy(when.at, delay, at);
      if (due === undefined) atOnce.add(id);
      else asked.set(id, due);
    }
  return [...runs.values()].flatMap((run) => [
    ...unclaimed(run),
    ...(atOnce.has(run.id) ? [] : early(run)),
    ...earlyForWhatWasAsked(run, asked.get(run.id)),
    ...earlyByTheMachine(run, run.fireTime ?? asked.get(run.id), clock),
  ]);
};

/** When at the earliest something is due by what was asked for, ms; `undefined`: at once. A delay counts from when Redis heard of it, or later. */
function dueBy(
  asked: number,
  delay: number | string | undefined,
  at: Date | string | number | undefined,
): number | undefined {
  if (delay !== undefined) return asked + (delay === 0 ? 0 : parseDuration(delay)) - blur;
  return at === undefined ? undefined : new Date(at).getTime();
}

function unclaimed({ id, begins, claims }: RunStory): Finding[] {
  const given = new Set(claims.map(({ attempt, token }) => `${attempt} ${token}`));
  return begins.flatMap(({ attempt, token, at, node }) => {
    if (given.has(`${attempt} ${token}`)) return [];
    const message = `${node} started ${id}#${attempt} with token ${token}, which the store has not given for that.`;
    return [{ rule: "unclaimed-start", at, message, about: [id] }];
  });
}

function early({ id, claims, begins, fireTime }: RunStory): Finding[] {
  const due = fireTime ?? begins[0]?.scheduledAt;
  if (due === undefined) return [];
  return claims.flatMap(({ t, attempt }) => {
    if (t >= due) return [];
    return [
      { rule: "early", at: t, message: `${id}#${attempt} was claimed ${due - t} ms early.`, about: [id] },
    ];
  });
}

/** What the product says that a run is due at is not believed: it is what was asked for. */
function earlyForWhatWasAsked({ id, claims }: RunStory, due: number | undefined): Finding[] {
  if (due === undefined) return [];
  return claims.flatMap(({ t, attempt }) => {
    if (t >= due) return [];
    const message = `${id}#${attempt} was claimed ${due - t} ms before the time for which it was asked for.`;
    return [{ rule: "early", at: t, message, about: [id] }];
  });
}

/** For so many ms two processes' views of the machine's clock may differ. */
const blur = 100;

/** What the store says of its time is not believed: a handler begins no earlier than it is due by the clock of the machine. */
function earlyByTheMachine({ id, begins }: RunStory, due: number | undefined, clock: RedisClock): Finding[] {
  if (due === undefined) return [];
  return begins.flatMap(({ at, attempt, node }) => {
    const ahead = due - clock.most(at);
    if (ahead <= blur) return [];
    const message = `${id}#${attempt} began on ${node} ${ahead} ms early by the clock of the machine.`;
    return [{ rule: "early", at, message, about: [id] }];
  });
}

/** Tokens are given once, and rise in the order of the claims. */
export const tokensRise: HistoryRule = ({ told }) => {
  const found: Finding[] = [];
  let highest = { token: 0n, run: "-" };
  for (const line of told) {
    if (line.what !== "started") continue;
    const token = BigInt(line.token);
    if (token <= highest.token) {
      const message = `${line.run}#${line.attempt} was given token ${token} after ${highest.run} had ${highest.token}.`;
      found.push({ rule: "token-order", at: line.t, message, about: [line.run, highest.run] });
    } else highest = { token, run: line.run };
  }
  return found;
};

/**
 * Attempts are numbered 1, 2, …: the next one is given only when the one before has ended and another was announced, not before the wait is
 * over; the same one again only if nobody began it.
 */
export const attemptsFollow: HistoryRule = ({ runs, handedBack }) =>
  [...runs.values()].flatMap(({ id, claims, ends }) => {
    let next = 1;
    let [notBefore, after] = [0, -1];
    const found: Finding[] = [];
    for (const line of [...claims, ...ends].sort((a, b) => a.index - b.index)) {
      const wrong = (message: string): number =>
        found.push({ rule: "attempt-order", at: line.t, message: `${id}: ${message}`, about: [id] });
      if (line.what === "again") {
        if (line.attempt !== next) wrong(`attempt ${line.attempt} ended while ${next} was the one to come.`);
        [next, notBefore, after] = [line.attempt + 1, line.notBefore, line.index];
      } else if (line.what === "started") {
        if (line.attempt !== next)
          wrong(`attempt ${line.attempt} was given while ${next} was the one to come.`);
        else if (line.t < notBefore)
          wrong(`attempt ${line.attempt} was given ${notBefore - line.t} ms before its wait was over.`);
        else if (isHeld(id, claims, line.index, after))
          wrong(`attempt ${line.attempt} was given although it is held.`);
      }
    }
    return found;

    function isHeld(_: string, all: typeof claims, index: number, since: number): boolean {
      return all.some((claim) => claim.index > since && claim.index < index && !handedBack(claim));
    }
  });
