import type { EnqueueOptions } from "@escapement/core";
import type { Command } from "commander";
import { usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { tellRun } from "../job/job-run-command.js";
import { date } from "../terminal/dates.js";
import { jsonOption } from "../terminal/json-option.js";
import { count, milliseconds, signed } from "../terminal/option-values.js";

const footer = `
The input is not checked against the schema of the task: a node does that when
it runs. With --id, enqueuing it twice queues it once.

Examples:
  escapement run enqueue send-mail --input '{"to":"ada"}'
  escapement run enqueue import --input @rows.json --at "2026-11-21 14:00"
  escapement run enqueue import --id import-42 --retry 3 --wait`;

interface EnqueueFlags {
  readonly input?: unknown;
  readonly id?: string;
  readonly at?: Date;
  readonly delay?: number;
  readonly queue?: string;
  readonly priority?: number;
  readonly retry?: number;
  readonly timeout?: number;
  readonly wait?: boolean;
}

/** Adds `run enqueue`: the API's word, as what it does is to queue a run, which a node starts when it can. */
export function addRunEnqueueCommand(run: Command): void {
  run
    .command("enqueue <task>")
    .description("queue one run of a task, of no job; prints its id")
    .option("--input <json>", "handed to the task: JSON, @FILE, or @- for standard input", jsonOption)
    .option("--id <id>", "names the run (default: one is made)")
    .option("--at <date>", 'not before, such as "2026-11-21 14:00"', date)
    .option("--delay <duration>", "not before so long from now", milliseconds)
    .option("--queue <queue>", "which nodes may run it")
    .option("--priority <n>", "-1000 to 1000, higher first", signed)
    .option("--retry <n>", "how many attempts may fail before the run does", count)
    .option("--timeout <duration>", "how long an attempt may take", milliseconds)
    .option("--wait", "wait for the run's end; exit code 1 if it does not succeed")
    .addHelpText("after", footer)
    .action((task: string, flags: EnqueueFlags, command: Command) => {
      if (flags.at !== undefined && flags.delay !== undefined)
        throw usageError("USAGE", "Give either --at or --delay.");
      return withClient(command, (client) => enqueue(client, task, flags));
    });
}

async function enqueue(client: Client, task: string, flags: EnqueueFlags): Promise<void> {
  const { wait, retry, ...rest } = flags;
  const options = { ...rest, ...(retry === undefined ? {} : { retry: { attempts: retry } }) };
  const run = await client.scheduler.enqueue(task, options as EnqueueOptions);
  await tellRun(client, run, wait ? { wait } : {});
}
