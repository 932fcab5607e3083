import type { Command } from "commander";
import { type Client, withClient } from "../client.js";
import { heldBy } from "../pause/pause-target.js";
import { shownDate } from "../terminal/dates.js";
import { count } from "../terminal/option-values.js";
import { paint } from "../terminal/output.js";
import { wrap } from "../terminal/width.js";
import { existing } from "./job-of-client.js";

const footer = `
Examples:
  escapement job next billing/sync
  escapement job next billing/sync --count 20 --json`;

/** Adds `job next`. */
export function addJobNextCommand(job: Command): void {
  job
    .command("next <id>")
    .description("the next fire times of a job")
    .option("-n, --count <n>", "how many, at most 1000", count, 5)
    .addHelpText("after", footer)
    .action((id: string, options: { count: number }, command: Command) =>
      withClient(command, (client) => nextFireTimes(client, id, options.count)),
    );
}

async function nextFireTimes(client: Client, id: string, wanted: number): Promise<void> {
  const { pauses } = await existing(client, id);
  const times = await client.scheduler.job(id).nextFireTimes(wanted);
  const { output } = client;
  if (output.json) {
    output.value(times);
    return;
  }
  output.text(times.length === 0 ? "None." : times.map(shownDate).join("\n"));
  if (pauses.length > 0)
    output.text(paint(output, "yellow", wrap(`Nothing starts while it is paused by ${heldBy(pauses)}.`, 80)));
}
