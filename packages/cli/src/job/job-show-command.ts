import type { Job, PauseInfo } from "@escapement/core";
import type { Command } from "commander";
import { type Client, withClient } from "../client.js";
import { shownDate, shownSecond } from "../terminal/dates.js";
import { pairs, shownAge, shownDuration } from "../terminal/output.js";
import { describedTrigger, existing } from "./job-of-client.js";
import { unserved } from "./unserved.js";

const footer = `
Examples:
  escapement job show billing/sync
  escapement job show billing/sync --json`;

/** Adds `job show`. */
export function addJobShowCommand(job: Command): void {
  job
    .command("show <id>")
    .description("one job: what it is, what holds it back, when it fires next")
    .addHelpText("after", footer)
    .action((id: string, _: unknown, command: Command) =>
      withClient(command, (client) => showJob(client, id)),
    );
}

async function showJob(client: Client, id: string): Promise<void> {
  const job = await existing(client, id);
  const { output } = client;
  const notServed = await unserved(client, job.task, job.queue);
  if (output.json) {
    output.value({ ...job, description: describedTrigger(job), notServed });
    return;
  }
  const pauses = job.pauses.map((pause) => [`paused ${pause.target}`, inWords(pause)] as const);
  output.text(
    pairs([
      ["id", job.id],
      ["task", job.task],
      ["state", job.state],
      ...pauses,
      ["not served", notServed],
      ...firing(job),
      ...rules(job),
    ]),
  );
}

type Rows = readonly (readonly [name: string, value: string | undefined])[];

/** A pause: why, who, since and until when. */
function inWords({ reason, by, since, until, failures }: PauseInfo): string {
  const who =
    failures === undefined ? `by ${by ?? "hand"}` : `by itself, after ${failures} failures in a row`;
  const lasted =
    since === undefined ? "" : `, since ${shownSecond(since)} (${shownAge(Date.now() - since.getTime())})`;
  return `${reason === "" ? "no reason given" : reason}\n${who}${lasted}\nuntil ${until === undefined ? "it is resumed" : shownSecond(until)}`;
}

function firing(job: Job): Rows {
  return [
    ["error", job.error],
    ["failures", shownFailures(job)],
    ["fires", describedTrigger(job)],
    ["trigger", job.trigger === undefined ? undefined : JSON.stringify(job.trigger)],
    ["depends on", joined(job.dependsOn)],
    ["then", joined(job.then)],
    ["next fire time", shownDate(job.nextFireTime)],
    ["starts at", job.startAt === undefined ? undefined : shownDate(job.startAt)],
    ["ends at", job.endAt === undefined ? undefined : shownDate(job.endAt)],
    [
      "runs",
      job.maxRuns === undefined ? undefined : `${job.startedRuns} of at most ${job.maxRuns} have started`,
    ],
    ["running", job.running],
  ];
}

/** How many runs failed in a row, of a job that pauses itself after so many. */
function shownFailures({ failuresInARow, pauseAfterFailures }: Job): string | undefined {
  if (pauseAfterFailures === undefined) return undefined;
  return `${failuresInARow} in a row; it pauses itself after ${pauseAfterFailures}`;
}

function rules(job: Job): Rows {
  const { grace, catchUp, max } = job.misfire;
  const { retry } = job;
  return [
    ["input", json(job.input)],
    ["metadata", json(job.metadata)],
    ["queue", job.queue],
    ["tags", joined(job.tags)],
    ["priority", String(job.priority)],
    ["overlap", job.overlap],
    ["misfire", `after ${shownDuration(grace)} run ${catchUp === "all" ? `all, at most ${max}` : catchUp}`],
    ["resumes from", job.resumeFrom === "missed" ? undefined : job.resumeFrom],
    ["retry", retry === undefined ? undefined : `${retry.attempts} attempts, backoff ${json(retry.backoff)}`],
    ["delivery", `${job.delivery}, at most ${job.maxLost} lost attempts`],
    ["timeout", job.timeout === undefined ? undefined : shownDuration(job.timeout)],
    ["limit", limits(job)],
    ["jitter", job.jitter === 0 ? undefined : shownDuration(job.jitter)],
    ["when exhausted", job.whenExhausted === "keep" ? undefined : "it is removed"],
    ["dead letters", job.deadLetter ? undefined : "none are kept"],
    ["retain", json(job.retain)],
    ["set", job.set],
    ["version", String(job.version)],
    ["created", shownSecond(job.createdAt)],
  ];
}

function limits({ concurrencyKey, concurrencyLimit, rateLimit }: Job): string | undefined {
  if (concurrencyKey === undefined) return undefined;
  const rate = rateLimit === undefined ? "" : `, ${rateLimit.max} starts in ${shownDuration(rateLimit.per)}`;
  return `${concurrencyLimit?.max ?? "any"} at once${rate} of key ${concurrencyKey}`;
}

function joined(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : names.join(", ");
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
