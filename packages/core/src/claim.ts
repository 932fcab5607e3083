import { EscapementError } from "@escapement/redis";
import type { Carrier } from "./carrier.js";
import type { Events } from "./events.js";
import { readWanted, type Wanted } from "./lender.js";
import type { ScopedLimit, ScopedRate } from "./limit.js";
import type { Body } from "./record.js";
import { parseRunId } from "./run-id.js";
import { type ClaimReply, claim } from "./scripts/index.js";
import type { Store } from "./store.js";

/** What a node reports of an attempt that it holds. `F`, `T`: failed or timed out, and to be tried again. `b`: handed back unstarted; `v`: vetoed by a listener, unstarted; `x`: a lock says that it was started before; `l`: given up since the node stops. */
export interface Completion {
  readonly run: string;
  readonly token: string;
  readonly outcome: "s" | "f" | "t" | "c" | "F" | "T" | "b" | "v" | "x" | "l";
  /** JSON text, or empty. With `b`: the value of a lock that may be left at voters. */
  readonly detail: string;
  /** JSON text, or empty. With `F` and `T`: after how many ms. */
  readonly result: string;
}

/** An attempt that this node was given. */
export interface Claimed {
  readonly run: string;
  readonly job: string | undefined;
  readonly task: string;
  readonly token: string;
  readonly attempt: number;
  /** The fire time in ms, or when an enqueued run was to start. */
  readonly scheduledAt: number;
  /** Redis' time of the claim, in ms. */
  readonly claimedAt: number;
  /** Values under which voters may still hold the attempt's lock, since it was handed back unstarted; `-`: unknown ones. */
  readonly locksLeft: readonly string[];
  /** How many earlier attempts were lost. */
  readonly lost: number;
  /** What its record says; `undefined` where that is no JSON object, or the job is gone. */
  readonly body: Body | undefined;
  /** The job was removed after a claim whose answer was lost. */
  readonly isGone: boolean;
  /** By whose pauses it may be held back, beside its job and task. In partition 0 its claim has looked at them, and they are not read. */
  readonly queue: string;
  readonly tags: readonly string[];
}

/** A node may have two requests under way, one of each line. */
export type Line = "" | "2";

/** One request of a node: what it has finished, and how much more it could do. */
export interface ClaimRequest {
  readonly node: string;
  /** Counts the node's requests: one sent twice is applied once, one that arrives late is refused. */
  readonly number: number;
  /** Of which line it is: of each, one is under way at most, and their numbers rise. @default the first */
  readonly line?: Line;
  readonly slots: number;
  /** How many more it could hold until a slot is free: such runs only of which nothing depends on when they begin. @default 0 */
  readonly ahead?: number;
  readonly completions: readonly Completion[];
  readonly lanes: readonly string[];
  /** Milliseconds for which a lock is held in the store, or 0: independent voters hold the locks. */
  readonly lockTtl: number;
  readonly leaseTtl: number;
  readonly limits?: readonly ScopedLimit[];
  readonly rates?: readonly ScopedRate[];
}

/** What became of a request. */
export interface ClaimAnswer {
  /** Whether each completion was accepted, in order. */
  readonly accepted: readonly boolean[];
  readonly claimed: readonly Claimed[];
  /** Runs that did not start, and why. */
  readonly passed: readonly { readonly run: string; readonly state: string; readonly reason: string }[];
  /** When the next run is due, in ms. */
  readonly nextDue: number | undefined;
  /** Whether there may be more that could start now. */
  readonly more: boolean;
  /** Where there are several partitions: places that are to be lent. */
  readonly wanted?: readonly Wanted[];
}

const most = 500;

/** Completes finished runs and claims due ones, in one round trip. */
export async function completeAndClaim(store: Store, request: ClaimRequest): Promise<ClaimAnswer> {
  const { node } = request;
  const { meta, wake, active, cancelled, request: answered } = store.keys;
  const { done, results, completions } = reportsOf(request.completions);
  // Not spread first, with more behind: what such an object points to outlives the collections (decision 0030).
  const reply = await store.timed(
    () =>
      claim.run(store.lease, {
        keys: { meta, wake, active: active(node), cancelled: cancelled(node), request: answered(node) },
        args: {
          partition: store.partitions === 1 ? "" : `${store.partition}/${store.partitions}`,
          node,
          line: request.line ?? "",
          number: request.number,
          slots: request.slots,
          ahead: request.ahead ?? 0,
          batch: most,
          lock_ttl: request.lockTtl,
          lease_ttl: request.leaseTtl,
          ...store.history,
        },
        lists: {
          done,
          results,
          completions,
          lanes: request.lanes,
          rates: (request.rates ?? []).flatMap(({ scope, max, per }) => [scope, max, per]),
          limits: (request.limits ?? []).flatMap(({ scope, max, how }) => [scope, max, how]),
        },
      }),
    ([now]) => now,
  );
  const answer = readAnswer(reply, request.completions.length, store.partition > 0);
  return store.carrier === undefined ? answer : carried(store.carrier, store.partition, answer);
}

/** What the step has left for other partitions is on its way to them at once. */
function carried(carrier: Carrier, partition: number, answer: ClaimAnswer): ClaimAnswer {
  const passed = answer.passed.filter(({ state, run }) => {
    if (state === "outbox") carrier.begin(partition, Number(run));
    return state !== "outbox";
  });
  return { ...answer, passed };
}

interface Reports {
  readonly done: readonly string[];
  readonly results: readonly (string | number)[];
  readonly completions: readonly string[];
}

/** What is reported, as the script reads it: in the short form where all is as usual. */
function reportsOf(completions: readonly Completion[]): Reports {
  if (completions.every(isUsual)) {
    const [done, results]: [string[], (string | number)[]] = [[], []];
    for (const { run, token, detail, result } of completions) {
      done.push(run, token, detail);
      if (result !== "") results.push(done.length / 3, result);
    }
    return { done, results, completions: [] };
  }
  const texts = completions.map(
    ({ run, token, outcome, detail, result }) => `${run} ${token} ${outcome}\n${detail}\n${result}`,
  );
  return { done: [], results: [], completions: texts };
}

/** Whether an attempt succeeded, and nothing is to be told of it but that. */
function isUsual({ outcome, detail }: Completion): boolean {
  return outcome === "s" && !detail.includes('"reason":') && !detail.includes('"count":');
}

/**
 * First attempts that were claimed at that time: the token before the first, how many, their runs, and their records, with zero bytes between them, which none of ours has.
 *
 * @throws EscapementError `INVALID_RECORD` if somebody else's has; the same request, sent again, is answered run by run
 */
function readGiven(given: readonly string[], now: string, withNames: boolean): Claimed[] {
  const [token, count, runs = "", records = ""] = given;
  if (token === undefined) return [];
  const [before, claimedAt] = [Number(token), Number(now)];
  const [ids, texts] = [runs.split("\0"), records.split("\0")];
  if (ids.length !== Number(count) || texts.length !== Number(count))
    throw new EscapementError(
      "INVALID_RECORD",
      "A run's id or record has a zero byte in it: it was written by somebody else. Define the job anew, or enqueue the run again.",
    );
  return ids.map((run, index) => {
    const text = texts[index] ?? "";
    const first = readLine(text, withNames);
    const body = readBody(text.slice(first.line.length));
    return new FirstAttempt(run, String(before + index + 1), claimedAt, first, body);
  });
}

const none: readonly string[] = [];

/** Of a class, and no literal: objects of which many outlive a collection V8 makes old, and what they point to lives on with them (decision 0030). */
class FirstAttempt implements Claimed {
  readonly run: string;
  readonly job: string | undefined;
  readonly task: string;
  readonly token: string;
  readonly attempt = 1;
  readonly scheduledAt: number;
  readonly claimedAt: number;
  readonly locksLeft: readonly string[] = none;
  readonly lost = 0;
  readonly body: Body | undefined;
  readonly isGone = false;
  readonly queue: string;
  readonly tags: readonly string[];

  constructor(run: string, token: string, claimedAt: number, first: FirstLine, body: Body | undefined) {
    const own = run.includes("@") ? parseRunId(run) : undefined;
    this.run = run;
    this.job = own?.job;
    this.task = first.task;
    this.token = token;
    this.scheduledAt = own?.at ?? body?.at ?? claimedAt;
    this.claimedAt = claimedAt;
    this.body = body;
    this.queue = first.queue;
    this.tags = first.tags;
  }
}

const noNames = { queue: "", tags: none };

/** What a record says in its first line. */
interface FirstLine {
  /** With the line feed at its end. */
  readonly line: string;
  readonly task: string;
  /** Empty, as `tags`, unless they were asked for. */
  readonly queue: string;
  readonly tags: readonly string[];
}

/** What the last record said, of those with names and without: most say the same as the one before. */
const lastLines: [FirstLine?, FirstLine?] = [];

function readLine(record: string, withNames: boolean): FirstLine {
  const place = withNames ? 1 : 0;
  const last = lastLines[place];
  if (last !== undefined && record.startsWith(last.line)) return last;
  // A copy: a part of a text keeps all of that from being freed.
  const line = Buffer.from(record.slice(0, record.indexOf("\n") + 1)).toString();
  const words = line.slice(0, -1).split(" ");
  const tags =
    words
      .find((word, at) => at > 8 && word.startsWith("tg="))
      ?.slice(3)
      .split(",") ?? none;
  const names = withNames ? { queue: words[1] ?? "", tags } : noNames;
  const read = { line, task: words[2] ?? "", ...names };
  if (line !== "") lastLines[place] = read;
  return read;
}

/** `<run> <token> <attempt> <claimed at> <lost> <task> <locks left> <queue> <tags>` LF body. */
function readClaimed(text: string, withNames: boolean): Claimed {
  const end = text.indexOf("\n");
  const words = text.slice(0, end).split(" ");
  const [run = "", token = "0", attempt, claimedAt, lost, task = "", left = "", queue = "", tags = ""] =
    words;
  const own = parseRunId(run);
  const body = text.slice(end + 1);
  const parsed = readBody(body);
  return {
    run,
    job: own?.job,
    task,
    token,
    attempt: Number(attempt),
    scheduledAt: own?.at ?? parsed?.at ?? Number(claimedAt),
    claimedAt: Number(claimedAt),
    locksLeft: left === "" ? [] : left.split(","),
    lost: Number(lost),
    body: parsed,
    isGone: body === "",
    ...(withNames ? { queue, tags: tags === "" ? none : tags.split(",") } : noNames),
  };
}

/** What somebody else has written may be no JSON: that must not keep others of the same answer from starting. */
function readBody(text: string): Body | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}

function readAnswer(
  [now, accepted, nextDue, items, passed, more, given, wanted]: ClaimReply,
  completions: number,
  withNames: boolean,
): ClaimAnswer {
  const claimed =
    given == null ? items.map((text) => readClaimed(text, withNames)) : readGiven(given, now, withNames);
  const others: { run: string; state: string; reason: string }[] = [];
  for (let at = 0; at + 2 < passed.length; at += 3) {
    others.push({ run: passed[at] ?? "", state: passed[at + 1] ?? "", reason: passed[at + 2] ?? "" });
  }
  return {
    accepted: Array.from({ length: completions }, (_, index) => accepted[index] === "1"),
    claimed,
    passed: others,
    nextDue: nextDue === "" ? undefined : Number(nextDue),
    more: more === 1 || (nextDue !== "" && Number(nextDue) <= Number(now)),
    ...(wanted !== undefined && { wanted: readWanted(wanted) }),
  };
}

/** How many completions one request may carry. */
export const maxCompletions: number = most;

/** Tells listeners of jobs that have paused themselves: job, how many runs failed, and the reason as JSON, in turn. */
export function tellAutoPaused(events: Events, paused: readonly string[]): void {
  for (let at = 0; at + 2 < paused.length; at += 3) {
    const [jobId = "", failures, reason = '""'] = paused.slice(at, at + 3);
    events.emit("autoPaused", { jobId, failures: Number(failures), reason: JSON.parse(reason) as string });
  }
}

/** Tells listeners of what else happened in the step: runs that did not start, and jobs whose last run has ended. */
export function tellPassed(events: Events, passed: ClaimAnswer["passed"]): void {
  for (const { run, state, reason } of passed) {
    const details = { runId: run, jobId: run.split("@")[0] };
    if (state === "lockRefused") events.emit("lockRefused", details);
    else if (state === "jobExhausted") {
      events.emit("jobExhausted", { jobId: run });
      if (reason === "removed") events.emit("jobRemoved", { jobId: run });
    } else if (state === "autoPaused") {
      const [failures = "", ...text] = reason.split(" ");
      tellAutoPaused(events, [run, failures, text.join(" ")]);
    } else events.emit(state as "skipped" | "missed", { ...details, reason });
  }
}
