import type { ComingFireTime } from "@escapement/core";
import type { Command } from "commander";
import { type Client, withClient } from "../client.js";
import { count, milliseconds } from "../terminal/option-values.js";
import { shownDate } from "../terminal/output.js";
import { shownSpan } from "../terminal/spans.js";
import { table } from "../terminal/table.js";

interface NextOptions {
  readonly count: number;
  readonly within?: number;
  readonly tag?: string;
  readonly queue?: string;
  readonly task?: string;
  readonly match?: string;
}

const footer = `
A fire time of a paused job is shown with what pauses it: it starts when that is
over. Jobs that follow others, or count from the end of their runs, have no fire
times beyond the next.

Examples:
  escapement next
  escapement next -n 100 --within 1h --tag billing
  escapement next --match 'reports/*' --json`;

/** Adds `next`. */
export function addNextCommand(program: Command): void {
  program
    .command("next")
    .description("the next fire times of all jobs, in order")
    .option("-n, --count <n>", "how many, at most 10000", count, 20)
    .option("--within <duration>", "none later than this from now", milliseconds)
    .option("--tag <tag>", "only of jobs with this tag")
    .option("--queue <queue>", "only of jobs of this queue")
    .option("--task <task>", "only of jobs of this task")
    .option("--match <pattern>", "only of jobs with such an id: * stands for any characters, ? for one")
    .addHelpText("after", footer)
    .action((options: NextOptions, command: Command) =>
      withClient(command, (client) => showNext(client, options)),
    );
}

async function showNext({ scheduler, output }: Client, options: NextOptions): Promise<void> {
  const { within, ...given } = options;
  const { at: now } = await scheduler.load();
  const times = await scheduler.nextFireTimes({
    ...given,
    ...(within === undefined ? {} : { until: new Date(now.getTime() + within) }),
  });
  if (output.json) output.value(times);
  else if (times.length === 0) output.text("None.");
  else output.text(nextTable(times, now));
}

/** Fire times as a table. @param width in characters; 80 if left out */
export function nextTable(times: readonly ComingFireTime[], now: Date, width?: number): string {
  const rows = times.map(({ at, jobId, task, pauses }) => [
    shownDate(at),
    shownSpan(at.getTime() - now.getTime()),
    jobId,
    task,
    pauses.length === 0 ? "-" : `by ${pauses.map(({ target }) => target).join(", ")}`,
  ]);
  return table(["TIME", "IN", "JOB", "TASK", "PAUSED"], rows, width);
}
