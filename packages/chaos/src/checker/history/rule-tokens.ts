import type { Evidence } from "../../evidence/evidence.js";
import { factsOf, groupBy } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";

type Given = Extract<Evidence, { kind: "claimed" }>;

/**
 * What nodes were given, by what they themselves took down: no token is that of two attempts, and of two that were given out at different moments
 * of Redis' clock the later one has the higher token. No loss of writes excuses that, as tokens follow the clock; but where somebody moved the clock
 * as well, a store that lost its count may begin anew below it.
 */
export const tokensOutliveLosses: HistoryRule = ({ evidence, trial, serverTime }) => {
  if (serverTime.isMoved && !trial.keepsWrites) return [];
  const given = factsOf(evidence, "claimed");
  return [...reused(given), ...handedToOthers(evidence, given), ...fallen(given)];
};

function reused(given: readonly Given[]): Finding[] {
  return [...groupBy(given, ({ token }) => token)].flatMap(([token, [first, ...others]]): Finding[] => {
    const other = others.find(
      (one) => attemptOf(one) !== attemptOf(first) || one.claimedAt !== first?.claimedAt,
    );
    if (first === undefined || other === undefined) return [];
    const message = `${attemptOf(first)} on ${first.node} and ${attemptOf(other)} on ${other.node} were given the same token ${token}.`;
    // Two masters may count the same millisecond: what the one that is deposed told then is lost.
    const explainedByLoss = other.claimedAt === first.claimedAt;
    const about = [...new Set([first.run, other.run])];
    return [{ rule: "token-order", at: other.at, message, about, explainedByLoss }];
  });
}

/** A handler that began with a token that its node was given for another attempt. */
function handedToOthers(evidence: readonly Evidence[], given: readonly Given[]): Finding[] {
  const attempts = groupBy(given, ({ token }) => token);
  return factsOf(evidence, "start").flatMap((start): Finding[] => {
    const { run, attempt, token, node, at } = start;
    const own = attempts.get(token) ?? [];
    if (own.length === 0 || own.some((one) => attemptOf(one) === attemptOf(start))) return [];
    const message = `${run}#${attempt} began on ${node} with token ${token}, which was given for ${attemptOf(own[0])}.`;
    return [{ rule: "token-order", at, message, about: [run], explainedByLoss: false }];
  });
}

/** Where they fall, once for each time: those that follow rise from there. */
function fallen(given: readonly Given[]): Finding[] {
  const found: Finding[] = [];
  let highest: Given | undefined;
  const byTime = groupBy(
    given.toSorted((a, b) => a.claimedAt - b.claimedAt),
    ({ claimedAt }) => String(claimedAt),
  );
  for (const some of byTime.values()) {
    const [lowest] = some.toSorted(byToken);
    if (highest !== undefined && lowest !== undefined && BigInt(lowest.token) < BigInt(highest.token)) {
      const message = `${attemptOf(lowest)} was given token ${lowest.token} at ${lowest.claimedAt}, after ${attemptOf(highest)} had ${highest.token} at ${highest.claimedAt}.`;
      const about = [lowest.run, highest.run];
      found.push({ rule: "token-order", at: lowest.at, message, about, explainedByLoss: false });
    }
    highest = some.toSorted(byToken).at(-1);
  }
  return found;
}

function byToken(a: Given, b: Given): number {
  return BigInt(a.token) < BigInt(b.token) ? -1 : 1;
}

function attemptOf(fact: { readonly run: string; readonly attempt: number } | undefined): string {
  return fact === undefined ? "-" : `${fact.run}#${fact.attempt}`;
}
