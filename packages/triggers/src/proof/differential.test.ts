import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileTrigger, cron as cronTrigger, InvalidTriggerError } from "../index.js";
import { classify, type Difference, sameAnswer } from "./differences.test-util.js";
import { fuzzRuns, fuzzSeed, fuzzTimeout } from "./fuzz-flag.test-util.js";
import {
  isWild,
  type KnownCron,
  namesWall,
  nextByOracle,
  type Rules,
  rulesFor,
  showsMatch,
} from "./oracle.test-util.js";
import { peers } from "./peers.test-util.js";
import { knownCron } from "./random-cron.test-util.js";
import { type Situation, situation } from "./random-instant.test-util.js";
import { zoneClock } from "./zone-clock.test-util.js";

interface Policy {
  readonly gap?: "skip" | "next-valid";
  readonly overlap?: Rules["overlap"];
}

/** Our next fire time; `null` when there is none, or when that is why the expression is refused. */
function ourNext(cron: KnownCron, { timezone, after }: Situation, policy: Policy = {}): number | null {
  try {
    return compileTrigger(cronTrigger(cron.expr, { timezone, ...policy })).next(after);
  } catch (error) {
    if (error instanceof InvalidTriggerError && error.code === "NEVER_FIRES") return null;
    throw error;
  }
}

const shown = (instant: number | null): string =>
  instant === null ? "never" : new Date(instant).toISOString();

function story({ cron, timezone, after, ours, peer, answer }: Difference): string {
  const theirs = answer.kind === "time" ? shown(answer.at) : JSON.stringify(answer);
  return `${JSON.stringify(cron.expr)} in ${timezone} after ${shown(after)}: ours ${shown(ours)}, ${peer} ${theirs}`;
}

const policy: fc.Arbitrary<Required<Policy>> = fc.record({
  gap: fc.constantFrom("next-valid", "skip"),
  overlap: fc.constantFrom("first", "second", "both"),
});

describe("the next fire time of a random expression, in hard zones, a third of them beside a change of clocks", () => {
  it(
    "is what an oracle finds that knows nothing of the engine, and where a peer differs, the reason is known",
    () => {
      const numRuns = fuzzRuns ?? 2000;
      const table = new Map<string, number>();
      const tally = (line: string): void => void table.set(line, (table.get(line) ?? 0) + 1);
      const examples = new Map<string, string>();
      fc.assert(
        fc.property(knownCron(), situation(), policy, (cron, place, chosen) => {
          const clock = zoneClock(place.timezone);
          const truth = (rules: Rules): number | null => nextByOracle(cron, clock, place.after, rules);
          const ours = ourNext(cron, place);
          expect(shown(ours), "next by the default policy").toBe(shown(truth(rulesFor(cron))));
          const { gap, overlap } = chosen;
          const byPolicy = ourNext(cron, place, chosen);
          expect(shown(byPolicy), "next by the policy").toBe(shown(truth(rulesFor(cron, gap, overlap))));
          for (const peer of peers.filter(({ understands }) => understands(cron))) {
            const answer = peer.next(cron, place.timezone, place.after);
            const difference = { ...place, cron, clock, ours, peer: peer.name, answer };
            const name = sameAnswer(ours, answer) ? "agrees" : classify(difference);
            if (name === null) throw new Error(`a difference without a known reason: ${story(difference)}`);
            tally(`${peer.name}: ${name}`);
            if (!examples.has(`${peer.name}: ${name}`))
              examples.set(`${peer.name}: ${name}`, story(difference));
          }
        }),
        { numRuns, seed: fuzzSeed },
      );
      print(numRuns, table, examples);
    },
    fuzzTimeout,
  );
});

function print(
  numRuns: number,
  table: ReadonlyMap<string, number>,
  examples: ReadonlyMap<string, string>,
): void {
  const lines = [...table].sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = lines.map(([name, count]) => `${String(count).padStart(8)}  ${name}`);
  const stories = fuzzRuns === undefined ? [] : lines.map(([name]) => `  ${name}\n    ${examples.get(name)}`);
  const head = `${numRuns} random cases, seed ${fuzzSeed} (ESCAPEMENT_FUZZ_SEED sets it)`;
  console.log(
    [head, ...rows, ...(stories.length > 0 ? ["first example of each:", ...stories] : [])].join("\n"),
  );
}

describe("the oracle", () => {
  it(
    "agrees with looking at the wall clock second after second, for expressions that go by real time",
    () => {
      const wild = knownCron().filter((cron) => cron.minute.text.startsWith("*"));
      fc.assert(
        fc.property(wild, situation(), (cron, { timezone, after }) => {
          const clock = zoneClock(timezone);
          const rules = rulesFor(cron);
          const step = cron.second.values.length === 1 ? 60_000 : 1000;
          const start =
            Math.floor(after / step) * step + (step === 60_000 ? (cron.second.values[0] ?? 0) * 1000 : 0);
          let seen: number | null = null;
          for (let instant = start; seen === null && instant < start + 3000 * step; instant += step) {
            if (instant > after && showsMatch(cron, clock, instant, rules.bothDays)) seen = instant;
          }
          const found = nextByOracle(cron, clock, after, rules);
          const inReach = found !== null && found < start + 3000 * step ? found : null;
          expect(shown(inReach)).toBe(shown(seen));
        }),
        { numRuns: fuzzRuns === undefined ? 100 : 3000, seed: fuzzSeed },
      );
    },
    fuzzTimeout,
  );

  it(
    "agrees with watching a clock minute after minute that never shows what it has shown, for fixed times",
    () => {
      const minute = 60_000;
      const fixed = knownCron().filter((cron) => !isWild(cron) && cron.second.text === "0");
      fc.assert(
        fc.property(fixed, situation(), (cron, { timezone, after }) => {
          const clock = zoneClock(timezone);
          const rules = rulesFor(cron);
          const start = Math.floor(after / minute) * minute;
          const end = start + 4000 * minute;
          let seen: number | null = null;
          // What was shown in the day before is known when the search begins.
          let shownUpTo = start - 1600 * minute + clock.offsetAt(start - 1600 * minute);
          for (let instant = start - 1599 * minute; seen === null && instant < end; instant += minute) {
            const wall = instant + clock.offsetAt(instant);
            for (let time = shownUpTo + minute; time <= wall; time += minute) {
              if (instant > after && namesWall(cron, time, rules.bothDays)) seen = instant;
            }
            shownUpTo = Math.max(shownUpTo, wall);
          }
          const found = nextByOracle(cron, clock, after, rules);
          expect(shown(found !== null && found < end ? found : null)).toBe(shown(seen));
        }),
        { numRuns: fuzzRuns === undefined ? 100 : 3000, seed: fuzzSeed },
      );
    },
    fuzzTimeout,
  );
});
