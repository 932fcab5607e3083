import type { JobOptions } from "@escapement/core";
import type { Claimed } from "@escapement/core/internal";
import { every } from "@escapement/triggers";
import type { NodeOptions, Stepper } from "./stepper.js";

/** An option, as a row of the tables of docs/cost.md. */
export interface Row {
  /** Markdown. */
  readonly name: string;
  /** What the jobs are given, beside an id and a trigger. */
  readonly options?: Partial<JobOptions>;
  /** What the nodes are given. */
  readonly node?: NodeOptions;
  /** The runs are enqueued, with the options; there are no jobs. */
  readonly enqueued?: true;
  /** How the attempts come to an end. @default they succeed, with no result */
  readonly end?: (stepper: Stepper, claimed: readonly Claimed[]) => Promise<unknown>;
  /** Where the cost comes from; what is the same as without the option needs no word. */
  readonly why: string;
}

const hundred = "x".repeat(98); // 100 bytes of JSON
const second = { type: "fixed", delay: "1s" } as const;
const rate = { max: 1000, per: "1m" };
const place = "`holds` and a set: taken, read back, given back";

const record = "in the record, whose body the node is handed with each run";

/** The runs that all others are compared with: of a daily job with an id of 20 characters and no other option. */
export const plain: Row = { name: "plain", why: "" };

/** A row an option: a new one is a line here. Each costs what it costs beyond {@link plain}. */
export const rows: readonly Row[] = [
  {
    name: "`input`, 100 B",
    options: { input: hundred },
    why: record,
  },
  { name: "`metadata`, 100 B", options: { metadata: hundred }, why: record },
  { name: "`tags`, two of 8 B", options: { tags: ["customer", "invoices"] }, why: record },
  { name: "`priority`", options: { priority: 5 }, why: "a number in the record and in the score" },
  {
    name: "`startAt`, `endAt`",
    options: { startAt: "2020-01-01T00:00:00Z", endAt: "2099-01-01T00:00:00Z" },
    why: `${record}; the leader computes with them`,
  },
  { name: "`jitter`", options: { jitter: "1s" }, why: `${record}; the leader computes with it` },
  { name: "`misfire`", options: { misfire: { grace: "5m", catchUp: "all", max: 50 } }, why: "in the record" },
  {
    name: "`maxRuns`",
    options: { maxRuns: 1_000_000 },
    why: "a count a job, read and written; a mark at the run that says that it is counted",
  },
  {
    name: 'trigger `every`, `after: "completion"`',
    options: { trigger: every("1d", { after: "completion" }) },
    why: "the end of a run writes the next fire time",
  },
  {
    name: '`whenExhausted: "remove"`',
    options: { whenExhausted: "remove" },
    why: "looked at when the last run has ended",
  },
  { name: '`overlap: "allow"`', options: { overlap: "allow" }, why: "nothing to remember of what runs" },
  {
    name: '`overlap: "queue-one"`, `"queue-all"`, `"cancel-running"`, `"replace"`',
    options: { overlap: "queue-one" },
    why: "as `skip`, unless one comes while another runs",
  },
  { name: "`timeout`", options: { timeout: "30s" }, why: `${record}; the node keeps the time` },
  {
    name: '`delivery: "at-most-once"`',
    options: { delivery: "at-most-once" },
    why: "a letter in the record",
  },
  {
    name: "`retry`, not needed",
    options: { retry: { attempts: 3, backoff: second } },
    why: record,
  },
  {
    name: "`retry`, needed once",
    options: { retry: { attempts: 3, backoff: second } },
    end: retried,
    why: "a second attempt is another claim and completion; its entry is a second line",
  },
  {
    name: "`pauseAfterFailures`, succeeds",
    options: { pauseAfterFailures: 1_000 },
    why: "in the record: looked at when a run fails, or has failed before",
  },
  {
    name: "`pauseAfterFailures`, fails",
    options: { pauseAfterFailures: 1_000, deadLetter: false },
    end: (stepper, claimed) => stepper.complete(claimed, "f"),
    why: "a count a job, read and written",
  },
  {
    name: '`resumeFrom: "now"`',
    options: { resumeFrom: "now" },
    why: "a look at each claim whether a pause of the job has just ended; the job in a set",
  },
  {
    name: "fails, dead letter",
    end: (stepper, claimed) => stepper.complete(claimed, "f"),
    why: "the error in the entry; the run in its queue's dead letters (the latest 10,000)",
  },
  {
    name: "fails, `deadLetter: false`",
    options: { deadLetter: false },
    end: (stepper, claimed) => stepper.complete(claimed, "f"),
    why: "the error in the entry",
  },
  {
    name: "result, 100 B",
    end: (stepper, claimed) => stepper.complete(claimed, "s", JSON.stringify(hundred)),
    why: "sent, and kept as long as the entry",
  },
  {
    name: "`retain`",
    options: { retain: { runs: 50, age: "3d" } },
    why: "in the record, and a rule a job, which the end of a run reads",
  },
  {
    name: "`retain: { failed }`, fails",
    options: { retain: { failed: 50 } },
    end: (stepper, claimed) => stepper.complete(claimed, "f"),
    why: "the same, and what a failure costs",
  },
  {
    name: "`run.progress()`, once, 100 B",
    end: reported,
    why: "a script call each time; forgotten with the end of the run",
  },
  {
    name: "`concurrencyKey`",
    options: { concurrencyKey: "customer-17", concurrencyLimit: 1000 },
    why: place,
  },
  {
    name: "`concurrencyKey`, `rateLimit`",
    options: { concurrencyKey: "customer-17", concurrencyLimit: 1000, rateLimit: rate },
    why: "a place, and a list of the latest starts (at most `max`)",
  },
  { name: "`limit` of the scheduler", node: { limits: [{ scope: "all", max: 1000, how: "w" }] }, why: place },
  {
    name: "`limit` of the queue",
    node: { limits: [{ scope: "queue:default", max: 1000, how: "w" }] },
    why: place,
  },
  {
    name: "`limit` of the task",
    node: { limits: [{ scope: "task:task", max: 1000, how: "w" }] },
    why: place,
  },
  {
    name: "`rateLimit` of the queue or task",
    node: { rates: [{ scope: "task:task", max: 1000, per: 60_000 }] },
    why: "a list of the latest starts (at most `max`)",
  },
  {
    name: "`events: { max: 0 }` of a node",
    node: { events: 0 },
    why: "no stream: an entry for each step that tells something, up to `max` of them",
  },
  {
    name: "enqueued, no job",
    enqueued: true,
    why: "no leader; its record is kept with it, its entry by id in `finished`",
  },
  { name: "enqueued, `input` of 100 B", enqueued: true, options: { input: hundred }, why: "in the record" },
];

async function retried(stepper: Stepper, claimed: readonly Claimed[]): Promise<void> {
  await stepper.complete(claimed, "F", "1");
  await stepper.complete(await stepper.claim(claimed.length));
}

async function reported(stepper: Stepper, claimed: readonly Claimed[]): Promise<void> {
  await stepper.progress(claimed, JSON.stringify(hundred));
  await stepper.complete(claimed);
}
