import { type Contestant, ours, oursByCall, peers, type Ready } from "../contestants.js";
import { expressions, zones } from "../expressions.js";
import { seededRandom } from "../random.js";
import { geometricMean, median } from "../statistics.js";
import { type Disagreement, type Excluded, fireTimesLines } from "./fire-times-lines.js";
import type { Budget, Outcome, Work } from "./work.js";

const seed = 20_260_101;
const firstInstant = Date.UTC(2024, 0, 1);
const lastInstant = Date.UTC(2031, 0, 1);
const contestants = [ours, oursByCall, ...peers];

/** One expression in one zone. */
export interface Pair {
  readonly expr: string;
  readonly zone: string;
  /** Nanoseconds for one next fire time, by contestant: the median of all rounds. */
  readonly ns: Readonly<Record<string, number>>;
}

/** What it all comes to, against one peer. */
export interface Comparison {
  /** How many times as long as ours it takes: over all pairs. */
  readonly geometricMean: number;
  /** Of the pair where it comes off best. */
  readonly least: { readonly ratio: number; readonly expr: string; readonly zone: string };
}

/** The figures of the work. */
export interface FireTimesFigures {
  readonly seed: number;
  readonly budget: Budget;
  readonly pairs: readonly Pair[];
  readonly comparisons: Readonly<Record<string, Comparison>>;
  readonly disagreements: readonly Disagreement[];
  readonly excluded: readonly Excluded[];
}

interface Runner {
  readonly contestant: string;
  readonly ready: Ready;
  readonly samples: number[];
}

interface Race {
  readonly expr: string;
  readonly zone: string;
  readonly instants: readonly Date[];
  readonly runners: readonly Runner[];
}

/** The next fire time after random instants, each contestant at its best: made ready once, asked for one. */
export const fireTimes: Work = {
  name: "fire-times",
  about: "ns for the next fire time: 20 expressions in 5 zones, beside croner and cron-parser",
  run: async (budget): Promise<Outcome> => {
    const disagreements: Disagreement[] = [];
    const excluded: Excluded[] = [];
    const random = seededRandom(seed);
    const races = expressions.flatMap((expr) =>
      zones.map((zone) => prepare(expr, zone, drawInstants(random, budget), disagreements, excluded)),
    );
    for (let round = 0; round < budget.rounds; round += 1) {
      for (const race of races) run(race, round, budget);
    }
    const pairs = races.map(({ expr, zone, runners }) => ({
      expr,
      zone,
      ns: Object.fromEntries(runners.map(({ contestant, samples }) => [contestant, median(samples)])),
    }));
    const figures = { seed, budget, pairs, comparisons: compare(pairs), disagreements, excluded };
    return { lines: fireTimesLines(figures), figures };
  },
};

function drawInstants(random: () => number, { instants }: Budget): readonly Date[] {
  return Array.from(
    { length: instants },
    () => new Date(firstInstant + Math.floor(random() * (lastInstant - firstInstant))),
  );
}

/** Makes all contestants ready, lets each answer everything once (which warms it up), and holds the answers against ours. */
function prepare(
  expr: string,
  zone: string,
  instants: readonly Date[],
  disagreements: Disagreement[],
  excluded: Excluded[],
): Race {
  const runners: Runner[] = [];
  let expected: readonly (number | null)[] | undefined;
  for (const contestant of contestants) {
    try {
      const ready = contestant.prepare(expr, zone);
      const answers = instants.map((after) => ready.read(ready.ask(after, after.getTime())));
      expected ??= answers;
      const found = disagreement(contestant, { expr, zone }, instants, expected, answers);
      runners.push({ contestant: contestant.name, ready, samples: [] });
      if (found !== undefined) disagreements.push(found);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      excluded.push({ contestant: contestant.name, expr, zone, reason });
    }
  }
  return { expr, zone, instants, runners };
}

function disagreement(
  { name }: Contestant,
  pair: { readonly expr: string; readonly zone: string },
  instants: readonly Date[],
  expected: readonly (number | null)[],
  answers: readonly (number | null)[],
): Disagreement | undefined {
  const different = instants.flatMap((after, index) => {
    const [ourAnswer = null, theirs = null] = [expected[index], answers[index]];
    return ourAnswer === theirs
      ? []
      : { after: after.toISOString(), ours: iso(ourAnswer), theirs: iso(theirs) };
  });
  const [example] = different;
  return example && { contestant: name, ...pair, count: different.length, of: instants.length, example };
}

/** One sample of each contestant, another one first in each round. */
function run({ instants, runners }: Race, round: number, budget: Budget): void {
  const questions = instants.map((after) => ({ after, ms: after.getTime() }));
  for (let turn = 0; turn < runners.length; turn += 1) {
    const runner = runners[(turn + round) % runners.length];
    runner?.samples.push(sample(runner.ready, questions, budget.sampleMs));
  }
}

/** Nanoseconds for one question, over whole passes through all of them. */
function sample(
  { ask }: Ready,
  questions: readonly { readonly after: Date; readonly ms: number }[],
  sampleMs: number,
): number {
  let passes = 0;
  let answered = 0;
  let elapsed = 0;
  const startedAt = performance.now();
  do {
    for (const { after, ms } of questions) if (ask(after, ms) !== undefined) answered += 1;
    passes += 1;
    elapsed = performance.now() - startedAt;
  } while (elapsed < sampleMs);
  // Of use to no one, but so that no answer is left out as unused.
  if (answered > passes * questions.length) throw new Error("more answers than questions");
  return (elapsed * 1e6) / (passes * questions.length);
}

function compare(pairs: readonly Pair[]): Record<string, Comparison> {
  return Object.fromEntries(
    peers.flatMap(({ name }) => {
      const ratios = pairs.flatMap(({ expr, zone, ns }) => {
        const [own, theirs] = [ns[ours.name], ns[name]];
        return own === undefined || theirs === undefined ? [] : { ratio: theirs / own, expr, zone };
      });
      const [least] = ratios.toSorted((a, b) => a.ratio - b.ratio);
      return least
        ? [[name, { geometricMean: geometricMean(ratios.map(({ ratio }) => ratio)), least }] as const]
        : [];
    }),
  );
}

function iso(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
