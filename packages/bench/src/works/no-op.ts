import { openArena } from "../queues/arena.js";
import type { Contestant } from "../queues/contestant.js";
import { bullmq, contestants, escapement } from "../queues/index.js";
import { workOff } from "../queues/work-off.js";
import { type Row, ratiosOf, takeTurns } from "../rounds.js";
import { sectionLines } from "../section.js";
import { queueSection } from "./queue-section.js";
import { coresIn, secondProcess } from "./second-process.js";
import type { Budget, Outcome, Work } from "./work.js";

/** A row: how many handlers at once, in how many processes. */
export interface Case {
  readonly name: string;
  readonly concurrency: number;
  readonly processes: number;
  readonly handler?: "timer";
  /** Only for ours, with three voters: against what the peer does in the row of that name. */
  readonly voters?: { readonly against: string };
}

const one = "concurrency 100";

const cases: readonly Case[] = [
  { name: "concurrency 1", concurrency: 1, processes: 1 },
  { name: "concurrency 1, two processes", concurrency: 1, processes: 2 },
  { name: "concurrency 10", concurrency: 10, processes: 1 },
  { name: "concurrency 10, two processes", concurrency: 10, processes: 2 },
  { name: one, concurrency: 100, processes: 1 },
  { name: "concurrency 500", concurrency: 500, processes: 1 },
  { name: "concurrency 100, two processes", concurrency: 100, processes: 2 },
  { name: "concurrency 100, three voters", concurrency: 100, processes: 1, voters: { against: one } },
];

/** How many runs a second are carried out of handlers that do nothing. */
export const noOp: Work = {
  name: "no-op",
  about: "runs a second of handlers that do nothing, worked off at concurrency 1 to 500",
  run: (budget) => runCases("no-op", "No-op runs a second", budget, cases),
};

/** Queues runs and works them off, for each case and contestant. */
export async function runCases(
  work: string,
  title: string,
  { rounds, queueMs }: Budget,
  wanted: readonly Case[],
  takePart: readonly Contestant[] = contestants,
): Promise<Outcome> {
  const voters = wanted.some((row) => row.voters !== undefined);
  await using arena = await openArena({ voters, wanted: takePart });
  const turn = (contestant: Contestant, { name, concurrency, processes, handler, voters }: Case) => ({
    row: name,
    contestant: contestant.name,
    measure: async () => {
      await arena.clear();
      const runs = processes * sampleSize(contestant, concurrency, queueMs, handler);
      const place = voters === undefined ? arena.place : arena.withVoters;
      const task = { runs, concurrency, processes, ...(handler === undefined ? {} : { handler }) };
      const { perSecond, cores } = await workOff(contestant, place, [arena.redis], task);
      return { [name]: perSecond, [coresIn(name)]: cores };
    },
  });
  const takesPart = ({ pace }: Contestant, { name, voters }: Case): boolean =>
    // Those that are slower by far only where all are compared: their rows would take most of the time.
    voters === undefined && (pace.many > 10_000 || name === one);
  const turns = wanted.map((row) => [
    ...(row.voters === undefined ? [] : [turn(escapement, row)]),
    ...arena.contestants.filter((contestant) => takesPart(contestant, row)).map((one) => turn(one, row)),
  ]);
  const { samples, failures } = await takeTurns(turns, rounds);
  const rows = wanted.map(({ name, voters }): Row => {
    const peers = voters === undefined ? {} : { [bullmq.name]: samples[voters.against]?.[bullmq.name] ?? [] };
    return { name, better: "more", samples: { ...samples[name], ...peers } };
  });
  const names = contestants.map(({ name }) => name);
  const notes = [...failures, ...secondProcess(wanted, samples), ...arena.notes];
  const section = queueSection(title, rows, names, notes);
  const ratios = ratiosOf(work, rows, escapement.name, bullmq.name);
  return { lines: sectionLines(section), figures: { rows, failures, ratios, samples }, section, ratios };
}

/** As many runs as take about so long, and so many that those that are started together hardly count. */
export function sampleSize(
  { pace }: Contestant,
  concurrency: number,
  queueMs: number,
  handler?: Case["handler"],
): number {
  const seconds = queueMs / 1000;
  // A timer of 1 ms takes a little longer than that.
  const most = handler === "timer" ? 800 * concurrency : Number.POSITIVE_INFINITY;
  const perSecond = Math.min(concurrency === 1 ? pace.one : pace.many, most);
  const runs = Math.ceil(Math.max(20, perSecond * seconds, 15 * concurrency * seconds));
  return Math.min(runs, pace.most ?? runs);
}
