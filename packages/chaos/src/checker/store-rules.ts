import { type Case, factsOf, groupBy, outcomesOf, show, storyOf, type Violation } from "./case.js";
import type { Rule } from "./rules.js";

/** Tokens are given once each, and rise in the order of the claims by Redis' clock. */
export const tokensRise: Rule = (facts) => {
  const claims = factsOf(facts.evidence, "claimed").sort((a, b) =>
    BigInt(a.token) < BigInt(b.token) ? -1 : 1,
  );
  const found: Violation[] = [];
  for (const [index, claim] of claims.entries()) {
    const before = claims[index - 1];
    if (before === undefined) continue;
    const story = (): string[] => [...storyOf(facts, before.run), ...storyOf(facts, claim.run)];
    if (before.token === claim.token) {
      const message = `Token ${claim.token} was given to ${before.run}#${before.attempt} and to ${claim.run}#${claim.attempt}.`;
      found.push({ rule: "token-reused", message, story: story() });
    } else if (before.claimedAt > claim.claimedAt) {
      const message = `${claim.run} was claimed before ${before.run}, and has the higher token ${claim.token}.`;
      found.push({ rule: "token-order", message, story: story() });
    }
  }
  return found;
};

/** Of each attempt one outcome is accepted at most, after what failed only further ones, and none of an attempt that was given up as lost. */
export const lateOutcomesAreRefused: Rule = (facts) => {
  const history = outcomesOf(facts);
  const accepted = groupBy(factsOf(facts.evidence, "accepted"), ({ run }) => run);
  return [...accepted].flatMap(([run, outcomes]) => {
    if (endsMoreThanOnce(outcomes) && !facts.storeRolledBack) {
      const which = outcomes.map(({ attempt, node }) => `${attempt} on ${node}`).join(", ");
      return [
        {
          rule: "accepted-twice",
          message: `${run} has accepted outcomes of attempts ${which}.`,
          story: storyOf(facts, run),
        },
      ];
    }
    const lost = history.get(run)?.attempts.filter(({ state }) => state === "lost") ?? [];
    const late = outcomes.find(({ token }) =>
      lost.some(({ fencingToken }) => String(fencingToken) === token),
    );
    if (late === undefined || facts.storeRolledBack) return [];
    const message = `${run}: the outcome of attempt ${late.attempt} was accepted although it had been given up as lost.`;
    return [{ rule: "late-accepted", message, story: storyOf(facts, run) }];
  });
};

/** Whether one attempt has two outcomes, or one that ended the run has others after it. */
function endsMoreThanOnce(
  outcomes: readonly { readonly attempt: number; readonly outcome: string }[],
): boolean {
  const rising = outcomes.toSorted((a, b) => a.attempt - b.attempt);
  return rising.some(({ attempt, outcome }, index) => {
    const next = rising[index + 1];
    return next !== undefined && (next.attempt === attempt || !/^(failed|timed-out)$/.test(outcome));
  });
}

/** A run ends once. */
export const runsEndOnce: Rule = (facts) =>
  facts.storeRolledBack
    ? []
    : facts.jobs.flatMap(({ history }) =>
        [...groupBy(history, ({ id, state }) => (state === "missed" ? `missed ${id}` : id))].flatMap(
          ([run, outcomes]) => {
            if (outcomes.length < 2 || run.startsWith("missed ")) return [];
            const states = outcomes.map(({ state }) => state).join(" and ");
            return [
              { rule: "ended-twice", message: `${run} ended as ${states}.`, story: storyOf(facts, run) },
            ];
          },
        ),
      );

/** Runs of a job that must not overlap do not, by Redis' clock, from the first claim to the last outcome. */
export const noOverlap: Rule = (facts) =>
  facts.jobs.flatMap(({ overlap, history }) => {
    if (overlap === "allow" || facts.storeRolledBack) return [];
    const spans = history
      .flatMap(({ id, attempts }) => {
        const [from, to] = [attempts[0]?.startedAt, attempts.at(-1)?.finishedAt];
        return from === undefined || to === undefined ? [] : [{ id, from: +from, to: +to }];
      })
      .sort((a, b) => a.from - b.from);
    return spans.flatMap((span, index) => {
      const before = spans[index - 1];
      if (before === undefined || before.to <= span.from) return [];
      const message = `${span.id} was claimed while ${before.id} was running.`;
      const story = [...storyOf(facts, before.id), ...storyOf(facts, span.id)];
      return [{ rule: "overlap", message, story }];
    });
  });

/** No two leaders share a term, and terms rise in the order of the elections. */
export const epochsRise: Rule = (facts: Case) => {
  const elected = factsOf(facts.evidence, "elected").sort((a, b) => a.mono - b.mono);
  const story = elected.map(show);
  return elected.flatMap(({ epoch, node }, index) => {
    const before = elected[index - 1];
    if (before === undefined || epoch > before.epoch || facts.storeRolledBack) return [];
    const message = `${node} was elected for term ${epoch} after ${before.node} for term ${before.epoch}.`;
    return [{ rule: "epoch-order", message, story }];
  });
};
