import type { LogLevel, LogLine } from "@escapement/core";
import type { Command } from "commander";
import { CliError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { StopWatch } from "../cluster/stop-watch.js";
import { shownExact } from "../terminal/dates.js";
import { count } from "../terminal/option-values.js";
import { type Colour, type Output, paint } from "../terminal/output.js";
import { printable, printableJson } from "../terminal/printable.js";

const footer = `
With --follow each further line as it is written, until the run has ended or
Ctrl-C, which ends with exit code 0; with --json then one object a line. Further
lines of a message are indented.

Examples:
  escapement run logs "billing/sync@1700000000000"
  escapement run logs "$(escapement job run billing/sync)" --follow`;

interface LogsFlags {
  readonly follow?: boolean;
  readonly lines?: number;
}

/** Adds `run logs`. */
export function addRunLogsCommand(run: Command): void {
  run
    .command("logs <id>")
    .description("the lines that a run's handler has logged")
    .option("-f, --follow", "go on with new lines until the run has ended")
    .option("-n, --lines <n>", "only the last so many of those that are there", count)
    .addHelpText("after", footer)
    .action((id: string, flags: LogsFlags, command: Command) =>
      withClient(command, (client) => showLogs(client, id, flags)),
    );
}

async function showLogs(client: Client, id: string, { follow, lines: wanted }: LogsFlags): Promise<void> {
  const { scheduler, output } = client;
  // From before the first line on: whoever has seen one may stop it.
  using stop = follow ? new StopWatch() : undefined;
  const run = scheduler.run(id);
  const all = await run.logs();
  if (all.length === 0 && (await run.get()) === undefined)
    throw new CliError("RUN_NOT_FOUND", `There is no run ${id}, or it is not kept any more.`);
  const lines = wanted === undefined ? all : all.slice(-wanted);
  if (output.json && !follow) {
    output.value(lines);
    return;
  }
  for (const line of lines) tell(output, line);
  if (stop !== undefined) await followOn(client, id, all.at(-1)?.id, stop.signal);
  else if (lines.length === 0) output.note("It has logged nothing.");
}

async function followOn(
  { scheduler, output }: Client,
  id: string,
  since: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const options = { signal, ...(since === undefined ? {} : { since }) };
  for await (const line of scheduler.run(id).followLogs(options)) tell(output, line);
}

const colours: Readonly<Partial<Record<LogLevel, Colour>>> = { warn: "yellow", error: "red" };

function tell(output: Output, line: LogLine): void {
  if (output.json) {
    output.jsonLine(line);
    return;
  }
  const { at, level, message, fields, attempt, cut } = line;
  const more = fields === undefined ? "" : ` ${printableJson(fields)}`;
  const which = attempt > 1 ? ` (attempt ${attempt})` : "";
  // Indented, so that no line of a message passes for a line of the log.
  const shown = printable(message).replaceAll("\n", "\n    ");
  const text = `${shownExact(at)}  ${level.padEnd(5)}${which}  ${shown}${more}${cut ? " …" : ""}`;
  const colour = colours[level];
  output.text(colour === undefined ? text : paint(output, colour, text));
}
