import { type Contestant, ours, peers, type Ready } from "../contestants.js";
import { distinctExpressions, zones } from "../expressions.js";
import { figure, table } from "../table.js";
import type { Work } from "./work.js";

// What is prepared is dropped again in batches, so that the memory of the slowest kind does not set the size.
const batch = 1000;
const after = new Date("2027-03-15T10:20:30.400Z");

/** What one contestant spent. */
interface Spent {
  readonly contestant: string;
  readonly jobs: number;
  readonly distinct: number;
  /** CPU seconds, user and system. */
  readonly prepareSeconds: number;
  readonly nextSeconds: number;
  /** Jobs for which it threw instead of telling a fire time. */
  readonly failed: number;
  /** What it threw first. */
  readonly reason: string | undefined;
}

/** What a cluster does when it starts: read all jobs, and tell when each is due. */
export const fireTimesMany: Work = {
  name: "fire-times-many",
  about: "CPU seconds to read 100,000 jobs and find their next fire times, beside croner and cron-parser",
  run: async ({ jobs }) => {
    const spent = [Math.min(1000, jobs), jobs].flatMap((distinct) => {
      const expressions = distinctExpressions(distinct);
      return [ours, ...peers].map((contestant) => spend(contestant, expressions, jobs));
    });
    const rows = spent.map(({ contestant, distinct, prepareSeconds, nextSeconds }) => [
      `${contestant}, ${distinct.toLocaleString("en-US")} expressions`,
      figure(prepareSeconds),
      figure(nextSeconds),
    ]);
    const head = [
      `CPU seconds for ${jobs.toLocaleString("en-US")} jobs`,
      "parse and compile",
      "next fire times",
    ];
    const failures = spent.flatMap(({ contestant, distinct, failed, reason }) =>
      failed === 0
        ? []
        : `  ${contestant}, ${distinct} expressions: ${failed} jobs without answer: ${reason}`,
    );
    return { lines: [...table(head, rows), ...failures], figures: { after: after.toISOString(), spent } };
  },
};

function spend(contestant: Contestant, expressions: readonly string[], jobs: number): Spent {
  let [prepareSeconds, nextSeconds, failed] = [0, 0, 0];
  let reason: string | undefined;
  const ms = after.getTime();
  for (let first = 0; first < jobs; first += batch) {
    const startedAt = process.cpuUsage();
    const ready: Ready[] = [];
    for (let job = first; job < Math.min(jobs, first + batch); job += 1) {
      const expr = expressions[job % expressions.length] ?? "";
      // So that with few expressions each of them comes up in each zone.
      const zone = zones[(job + Math.floor(job / expressions.length)) % zones.length] ?? "";
      ready.push(contestant.prepare(expr, zone));
    }
    prepareSeconds += secondsSince(startedAt);
    const askedAt = process.cpuUsage();
    for (const { ask } of ready) {
      try {
        ask(after, ms);
      } catch (error) {
        failed += 1;
        reason ??= error instanceof Error ? error.message : String(error);
      }
    }
    nextSeconds += secondsSince(askedAt);
  }
  const distinct = expressions.length;
  return { contestant: contestant.name, jobs, distinct, prepareSeconds, nextSeconds, failed, reason };
}

function secondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
