import { openArena } from "../queues/arena.js";
import { type Fires, type Firing, latenessAt, watchFires, watchTimers } from "../queues/fires.js";
import { inProcess } from "../queues/in-process.js";
import { bullmq, escapement, schedulers } from "../queues/index.js";
import { type Row, ratiosOf } from "../rounds.js";
import { sectionLines } from "../section.js";
import { queueSection } from "./queue-section.js";
import type { Work } from "./work.js";

/** Handlers at once: as many as help either. */
const concurrency = 500;
/** More timers than that in one process are nobody's use of them. */
const mostTimers = 1000;

const shares = { p50: 0.5, p99: 0.99, max: 1 };

/** How late runs start whose jobs fire each second. */
export const lateness: Work = {
  name: "lateness",
  about: "ms from fire time to handler of 100 to 10,000 jobs that fire each second, at once and spread",
  run: async ({ rounds }) => {
    const isQuick = rounds < 3;
    const [warmUp, seconds] = isQuick ? [1, 3] : [6, 15];
    await using arena = await openArena({ wanted: schedulers });
    const rows: Row[] = [];
    const failures: string[] = [];
    for (const [index, jobs] of (isQuick ? [100] : [100, 1000, 10_000]).entries()) {
      for (const when of ["at once", "spread"] as const) {
        const firing: Firing = { jobs, when, warmUp, seconds, concurrency };
        const all: Record<string, Fires> = {};
        const ordered = index % 2 === 0 ? schedulers : schedulers.toReversed();
        for (const contestant of ordered) {
          await arena.clear();
          try {
            all[contestant.name] = await watchFires(contestant, arena.place, firing);
          } catch (error) {
            failures.push(`${contestant.name}, ${jobs} ${when}: ${(error as Error).message}`);
          }
        }
        if (when === "at once" && jobs <= mostTimers) Object.assign(all, await timers(firing));
        rows.push(...rowsOf(firing, all));
      }
    }
    const notes = [
      `Each job fires once a second: all in the same instant, or spread over it. Over ${seconds} s after a warm-up, with ${concurrency} handlers at once in one process. Lost: not started 3 s after the last fire time; it counts as late as it was then.`,
      "The ratio's spread is that of thirds of the time.",
      "The longest turn is how long the event loop of the process that starts the runs was held up at most, leader and all.",
      "croner and node-cron fire in process: no store, no other process, nothing kept.",
      ...failures,
      ...arena.notes,
    ];
    const names = [...schedulers, ...inProcess].map(({ name }) => name);
    const section = queueSection("Start lateness, ms", rows, names, notes);
    const compared = rows.filter(({ name }) => name.endsWith("p99"));
    const ratios = ratiosOf("lateness", compared, escapement.name, bullmq.name);
    return { lines: sectionLines(section), figures: { rows, failures, ratios }, section, ratios };
  },
};

/** Both at the same time: neither keeps a core busy. */
async function timers(firing: Firing): Promise<Record<string, Fires>> {
  const each = inProcess.map(async ({ name }) => [name, await watchTimers(name, firing)] as const);
  return Object.fromEntries(await Promise.all(each));
}

function rowsOf({ jobs, when }: Firing, all: Readonly<Record<string, Fires>>): Row[] {
  const name = (what: string): string => `${jobs.toLocaleString("en-US")} ${when}: ${what}`;
  const samples = (read: (fires: Fires) => number[]): Record<string, number[]> =>
    Object.fromEntries(Object.entries(all).map(([contestant, fires]) => [contestant, read(fires)]));
  return [
    ...Object.entries(shares).map(([what, share]): Row => {
      return { name: name(what), better: "less", samples: samples((fires) => latenessAt(fires, share)) };
    }),
    {
      name: name("longest turn of the loop"),
      better: "less",
      samples: samples(({ use }) => [use.longestTurn]),
    },
    { name: name("lost"), better: "less", samples: samples(({ lost }) => [lost]) },
    { name: name("repeated"), better: "less", samples: samples(({ repeated }) => [repeated]) },
  ];
}
