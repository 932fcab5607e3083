import { compileTrigger } from "@escapement/triggers";
import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";
import { figure, table } from "../table.js";
import type { Work } from "./work.js";

const expr = "* * * * * *";
const timezone = "Europe/Berlin";
const start = Date.UTC(2026, 0, 1);
const day = 86_400_000;
const days = 365;

/** What is missed in a long outage has to be counted, whatever the number. */
export const count: Work = {
  name: "count",
  about: "ms to count a year of fire times each second; the peers step through one day, times 365",
  run: async () => {
    const compiled = compileTrigger({ type: "cron", expr, timezone });
    const startedAt = performance.now();
    const { count: counted, exact } = compiled.count(start, start + days * day, 100_000);
    const ms = performance.now() - startedAt;
    const stepped = [
      { contestant: "croner", ms: days * stepCroner() },
      { contestant: "cron-parser", ms: days * stepCronParser() },
    ];
    const rows = [["escapement", figure(ms)], ...stepped.map((one) => [one.contestant, figure(one.ms)])];
    return {
      lines: [
        ...table(["ms for a year of seconds", "ms"], rows),
        `escapement counted ${counted.toLocaleString("en-US")} (${exact ? "exact" : "stopped there: at least so many"})`,
      ],
      figures: { expr, timezone, days, escapement: { ms, count: counted, exact }, extrapolated: stepped },
    };
  },
};

function stepCroner(): number {
  const job = new Cron(expr, { timezone, paused: true });
  const startedAt = performance.now();
  let time = job.nextRun(new Date(start));
  while (time !== null && time.getTime() <= start + day) time = job.nextRun(time);
  return performance.now() - startedAt;
}

function stepCronParser(): number {
  const parsed = CronExpressionParser.parse(expr, { tz: timezone, currentDate: new Date(start) });
  const startedAt = performance.now();
  while (parsed.next().getTime() <= start + day);
  return performance.now() - startedAt;
}
