import type { Scheduler, SchedulerEvent } from "@escapement/core";
import { parseDuration } from "@escapement/triggers";
import type { Command } from "commander";
import { usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { date } from "../terminal/dates.js";
import { count, list } from "../terminal/option-values.js";
import { eventLine } from "./event-words.js";
import { StopWatch } from "./stop-watch.js";

interface EventsOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly type?: readonly string[];
  readonly job?: string;
  readonly limit?: number;
}

/** Without --since only the latest are shown, as so many. */
const latest = 50;

const footer = `
Examples:
  escapement events                          the latest 50 that are kept
  escapement events --follow --type lost,nodeDead,leaderElected
  escapement events --since 1h --job reports/daily
  escapement events --since 2026-11-21T08:00:00Z --json | jq .type

With --json one object a line; its "id" can be given to --since, which goes on
behind it. --follow goes on until Ctrl-C, which ends with exit code 0.`;

/** Adds `events`. */
export function addEventsCommand(program: Command): void {
  program
    .command("events")
    .description("what happens, and has happened, in the cluster")
    .option("-f, --follow", "go on with what happens")
    .option("--since <when>", 'behind an event\'s id, a duration ago, from a date on, or "start"')
    .option("--type <types>", "only events of these types, with commas between", list)
    .option("--job <id>", "only what is about this job and its runs")
    .option(
      "-n, --limit <n>",
      `only the latest n of what is kept (default: ${latest}, with --since all)`,
      count,
    )
    .addHelpText("after", footer)
    .action((options: EventsOptions, command: Command) =>
      withClient(command, (client) => showEvents(client, options)),
    );
}

async function showEvents(client: Client, options: EventsOptions): Promise<void> {
  using stop = new StopWatch();
  const { scheduler } = client;
  const { signal } = stop;
  const limit = options.limit ?? (options.since === undefined ? latest : Number.POSITIVE_INFINITY);
  let since = await placeOf(scheduler, options.since ?? "start");
  const shown: SchedulerEvent[] = [];
  const types = new Set<string>();
  for await (const event of scheduler.events({ since, signal, follow: false })) {
    since = event.id;
    types.add(event.type);
    if (!fits(event, options)) continue;
    if (limit === Number.POSITIVE_INFINITY) show(client, event);
    else if (shown.push(event) > limit) shown.shift();
  }
  for (const event of shown) show(client, event);
  noteMissing(client, types, options);
  if (!options.follow || signal.aborted) return;
  for await (const event of scheduler.events({ since, signal }))
    if (fits(event, options)) show(client, event);
}

/** Which types there are no version knows for all times: so a misspelt one is not refused, but told of. */
function noteMissing({ output }: Client, types: ReadonlySet<string>, { type = [] }: EventsOptions): void {
  const missing = type.filter((one) => !types.has(one));
  if (missing.length === 0) return;
  const kept = types.size === 0 ? "none" : [...types].sort().join(", ");
  output.note(`note: no ${missing.join(", ")} among what is kept; types there: ${kept}`);
}

function show({ output }: Client, event: SchedulerEvent): void {
  if (output.json) output.jsonLine(event);
  else output.text(eventLine(output, event));
}

function fits(event: SchedulerEvent, { type, job }: EventsOptions): boolean {
  if (type !== undefined && !type.includes(event.type)) return false;
  return job === undefined || isAbout(event, job);
}

/** Also of types that this version does not know, by the names that fields have. */
function isAbout(event: object, job: string): boolean {
  const { jobId, target, subject } = event as Readonly<Record<string, unknown>>;
  if (jobId === job || target === `job:${job}` || subject === job) return true;
  return typeof subject === "string" && subject.startsWith(`${job}@`);
}

/** @throws CliError `USAGE` */
async function placeOf(scheduler: Scheduler, since: string): Promise<string | Date> {
  if (since === "start" || /^\d+-\d+\.\d+(,\d+-\d+\.\d+)*$/.test(since)) return since;
  const ago = parsed(() => parseDuration(since));
  if (ago !== undefined) {
    const { at } = await scheduler.load(); // by Redis' clock, as events are
    return new Date(Math.max(0, at.getTime() - ago));
  }
  const at = parsed(() => date(since));
  if (at !== undefined) return at;
  throw usageError(
    "USAGE",
    "--since is an event's id, a duration such as 90s or 2h, a date such as 2026-11-21T08:00:00Z, or start.",
  );
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
