import type { ReadStream, WriteStream } from "node:tty";
import { type Command, Option } from "commander";
import { withoutCredentials } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { count, milliseconds } from "../terminal/option-values.js";
import { paint } from "../terminal/output.js";
import { Terminal } from "../terminal/terminal.js";
import { fit } from "../terminal/width.js";
import { StopWatch } from "./stop-watch.js";
import { topLines } from "./top-screen.js";
import { TopReader, type TopState } from "./top-state.js";

interface TopOptions {
  readonly interval: number;
  readonly rows: number;
  readonly once?: boolean;
}

const footer = `
On a terminal the view is drawn anew each interval; q or Ctrl-C leaves it. With
--once, or where the output is no terminal, it is printed once, as plain text.
With --json one object is printed each interval, with --once one.
What takes long with many jobs, pauses and the next fire times, is read less
often.

Examples:
  escapement top
  escapement top --interval 5s -n 20
  escapement top --once
  escapement top --json | jq .load.lag`;

/** Adds `top`. */
export function addTopCommand(program: Command): void {
  program
    .command("top")
    .description("a live view: leader, nodes, load, what runs, what is paused, what comes")
    .addOption(
      new Option("--interval <duration>", "from one look to the next")
        .argParser(milliseconds)
        .default(1000, "1s"),
    )
    .option("-n, --rows <n>", "at most so many nodes, runs, pauses and fire times", count, 10)
    .option("--once", "print it once")
    .addHelpText("after", footer)
    .action((options: TopOptions, command: Command) =>
      withClient(command, (client) => watch(client, options)),
    );
}

async function watch(client: Client, options: TopOptions): Promise<void> {
  using stop = new StopWatch();
  const { output } = client;
  const isTerminal = process.stdout.isTTY === true && process.stdin.isTTY === true;
  await using reader = new TopReader(client.scheduler, Math.min(options.rows, 1000));
  reader.start();
  if (options.once || (!output.json && !isTerminal)) await printOnce(client, reader, options, stop.signal);
  else if (output.json) await printEach(client, reader, options, stop.signal);
  else await draw(client, reader, options, stop.signal);
}

/** Counts for one interval first, so that there is something to tell of what happens. */
async function printOnce(
  { output }: Client,
  reader: TopReader,
  { interval, rows }: TopOptions,
  signal: AbortSignal,
): Promise<void> {
  await pause(interval, signal);
  const state = await reader.look(true);
  if (output.json) output.value(state);
  else output.text(topLines(output, state, rows, process.stdout.columns || 80).join("\n"));
}

async function printEach(
  { output }: Client,
  reader: TopReader,
  { interval }: TopOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let first = true; ; first = false) {
    await pause(interval, signal);
    if (signal.aborted) return;
    output.jsonLine(await reader.look(first));
  }
}

async function draw(
  { output }: Client,
  reader: TopReader,
  { interval, rows }: TopOptions,
  signal: AbortSignal,
): Promise<void> {
  const left = new AbortController();
  const ended = AbortSignal.any([signal, left.signal]);
  let state: TopState | undefined;
  let failure: string | undefined;
  const redraw = (): void => {
    const { columns } = terminal.size;
    const lines = state === undefined ? ["…"] : topLines(output, state, rows, columns);
    const said = failure === undefined ? [] : [paint(output, "red", fit(failure, columns).trimEnd())];
    terminal.draw([...said, ...lines]);
  };
  using terminal = new Terminal({
    output: process.stdout as WriteStream,
    input: process.stdin as ReadStream,
    onKey: (key) => {
      // Ctrl-C and Ctrl-D come as characters where every key does.
      if (["q", "Q", "\u0003", "\u0004"].some((one) => key.includes(one))) left.abort();
    },
    onResize: redraw,
  });
  while (!ended.aborted) {
    try {
      state = await reader.look();
      failure = undefined;
    } catch (error) {
      failure = withoutCredentials((error as Error).message);
    }
    if (!ended.aborted) redraw();
    await pause(interval, ended);
  }
}

/** Ends early, without an error, when the signal says so. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(ms, 2 ** 31 - 1));
    signal.addEventListener("abort", end);
  });
}
