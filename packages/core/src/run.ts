import { parseRunId } from "./run-id.js";

/**
 * - `scheduled`: its time has not come. `ready`: due, and not claimed. `active`: it runs on a node
 * - `waiting-retry`: between attempts
 * - `succeeded`, `failed`, `timed-out`, `cancelled`, `lost`: how its last attempt ended
 * - `skipped`, `missed`: it never ran; `reason` says why
 */
export type RunState =
  | "scheduled"
  | "ready"
  | "active"
  | "waiting-retry"
  | "succeeded"
  | "failed"
  | "timed-out"
  | "cancelled"
  | "lost"
  | "skipped"
  | "missed";

/** An error as it is kept. */
export interface RunError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
}

/** One attempt at a run. */
export interface Attempt {
  readonly attempt: number;
  readonly state: "active" | "succeeded" | "failed" | "timed-out" | "cancelled" | "lost";
  readonly node: string;
  readonly fencingToken: bigint;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  readonly error: RunError | undefined;
  /** Why it was lost or cancelled. */
  readonly reason: string | undefined;
}

/** A run, as read. */
export interface Run {
  readonly id: string;
  readonly jobId: string | undefined;
  readonly task: string | undefined;
  readonly state: RunState;
  readonly scheduledAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  /** The number of the latest attempt; 0 if none has started. */
  readonly attempt: number;
  /** First to last. */
  readonly attempts: readonly Attempt[];
  readonly node: string | undefined;
  readonly fencingToken: bigint | undefined;
  readonly error: RunError | undefined;
  /** Why it was skipped, missed, lost or cancelled. */
  readonly reason: string | undefined;
  /** For `skipped` with the reason `vetoed`: why, in the words of the listener, if it gave any. */
  readonly veto?: string | undefined;
  /** For `missed`: how many fire times this entry stands for, the first being `scheduledAt`. */
  readonly count: number;
  /** What the handler answered, or failed with by a `TaskFailure`, if it is still kept. */
  readonly result: unknown;
  /** What the handler last reported, while the run runs. */
  readonly progress: unknown;
  /** It is due, and no live node runs its task and queue. */
  readonly unclaimed: boolean;
}

const states: Readonly<Record<string, RunState>> = {
  s: "succeeded",
  f: "failed",
  t: "timed-out",
  c: "cancelled",
  l: "lost",
  k: "skipped",
  m: "missed",
};

interface Detail {
  /** Of an enqueued run: its task, and when it was to start. */
  readonly task?: string;
  readonly at?: number;
  readonly error?: RunError;
  readonly reason?: string;
  readonly veto?: string;
  readonly count?: number;
}

interface Entry {
  readonly at: string;
  readonly state: RunState;
  readonly detail: Detail;
  readonly attempt: Attempt;
}

function readEntry(line: string): Entry {
  const [at = "", started, finished, state = "", attempt, token, node = "-", ...rest] = line.split(" ");
  const detail = rest.length === 0 || rest[0] === "" ? {} : (JSON.parse(rest.join(" ")) as Detail);
  return {
    at,
    state: states[state] ?? "lost",
    detail,
    attempt: {
      attempt: Number(attempt),
      state: (states[state] ?? "lost") as Attempt["state"],
      node,
      fencingToken: BigInt(token ?? 0),
      startedAt: dateOf(started),
      finishedAt: dateOf(finished),
      error: detail.error,
      reason: detail.reason,
    },
  };
}

/** Whether a line is of an attempt: the end of a run that was cancelled or skipped between attempts is of none. */
function wasGivenOut(line: string): boolean {
  return line.split(" ", 7)[6] !== "-";
}

/** Reads the lines of earlier attempts, latest first, into attempts, first to last. */
export function readAttempts(lines: string): Attempt[] {
  if (lines === "") return [];
  return lines
    .split("\n")
    .filter(wasGivenOut)
    .map((line) => readEntry(line).attempt)
    .reverse();
}

/** Reads an entry of a history, as scripts/lib/history.lua writes it. `owner`: the job, or nothing for an enqueued run. */
export function readRun(text: string, owner: { job: string } | { run: string }, result?: string | null): Run {
  const lines = text.split("\n");
  const last = readEntry(lines[0] ?? "");
  const attempts = last.attempt.attempt === 0 ? [] : readAttempts(text);
  const id = "job" in owner ? `${owner.job}@${last.at}` : owner.run;
  const latest = attempts.at(-1);
  return {
    id,
    jobId: "job" in owner ? owner.job : undefined,
    task: last.detail.task,
    state: last.state,
    scheduledAt: new Date(parseRunId(id)?.at ?? last.detail.at ?? Number(last.at)),
    startedAt: latest?.startedAt,
    finishedAt: last.attempt.finishedAt,
    attempt: latest?.attempt ?? 0,
    attempts,
    node: latest?.node,
    fencingToken: latest?.fencingToken,
    error: last.detail.error,
    reason: last.detail.reason,
    veto: last.detail.veto,
    count: last.detail.count ?? 1,
    result: result == null ? undefined : JSON.parse(result),
    progress: undefined,
    unclaimed: false,
  };
}

function dateOf(ms: string | undefined): Date | undefined {
  return ms === undefined || ms === "0" ? undefined : new Date(Number(ms));
}
