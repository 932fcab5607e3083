import { type PauseInfo, parsePause } from "./read-pauses.js";
import { parseResumed, type Resumed } from "./resumed.js";
import { parseRunId } from "./run-id.js";

// The lines that scripts/lib/events.lua writes: a word, and what it is about.

interface OfRun {
  readonly runId: string;
  readonly jobId: string | undefined;
}

interface OfAttempt extends OfRun {
  readonly attempt: number;
  readonly node: string;
  readonly fencingToken: bigint;
}

interface Ended {
  /** Milliseconds since the epoch by Redis' clock; `undefined`: it never started. */
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date;
  readonly reason: string | undefined;
}

/** What the cluster's stream tells, by type. The names are those of what local listeners hear. */
export type ClusterEvent =
  | ({ readonly type: "beforeRun" } & OfAttempt)
  /** An attempt has ended; `retry`: another one follows. */
  | ({
      readonly type: "afterRun";
      readonly outcome: "succeeded" | "failed" | "timed-out" | "cancelled";
      readonly retry: boolean;
    } & OfAttempt &
      Ended)
  | ({ readonly type: "lost"; readonly retry: boolean } & OfAttempt & Ended)
  | ({ readonly type: "skipped"; readonly reason: string | undefined } & OfRun)
  /** `count` fire times from this run's on were not made up for. */
  | ({ readonly type: "missed"; readonly reason: string | undefined; readonly count: number } & OfRun)
  | {
      readonly type: "jobAdded" | "jobUpdated" | "jobRemoved" | "jobExhausted" | "jobParked";
      readonly jobId: string;
    }
  | { readonly type: "nodeJoined" | "nodeLeft" | "nodeDead"; readonly node: string }
  | { readonly type: "leaderElected" | "leaderLost"; readonly node: string; readonly epoch: number }
  /** A pause has been set, or, set by hand, was noticed; it has lasted too long. */
  | ({ readonly type: "paused" | "pausedTooLong" } & PauseInfo)
  /** A pause is over: resumed, its key deleted, or expired. `target` is what follows `pause:` in the key. */
  | ({ readonly type: "resumed"; readonly target: string } & Resumed)
  /** A job has paused itself, after so many failures in a row, for this error. */
  | {
      readonly type: "autoPaused";
      readonly jobId: string;
      readonly failures: number;
      readonly reason: string;
    }
  /** The sweeper has put something right; `subject` is a run, job or node. */
  | { readonly type: "mended"; readonly subject: string; readonly what: string }
  /** What came between the events before and behind it is not all kept any more. */
  | { readonly type: "gap" };

const outcomes = { s: "succeeded", f: "failed", t: "timed-out", c: "cancelled" } as const;

/** Reads an entry of the stream: its fields `t` (ms) and `e` (lines), of which one may be about many runs; `undefined` for a line that is not of this version. */
export function readEntry(values: readonly string[]): ((ClusterEvent & { readonly at: Date }) | undefined)[] {
  const at = new Date(Number(values[values.indexOf("t") + 1]));
  const lines = (values[values.indexOf("e") + 1] ?? "").split("\n");
  return lines.flatMap(readLine).map((event) => event && { ...event, at });
}

// Whoever wrote a line that cannot be read, it must not stop the stream.
function readLine(line: string): (ClusterEvent | undefined)[] {
  try {
    return readMany(line) ?? [parseLine(line)];
  } catch {
    return [undefined];
  }
}

/** A line that is about many runs. */
function readMany(line: string): ClusterEvent[] | undefined {
  if (!line.startsWith("starts ") && !line.startsWith("ends ")) return undefined;
  const [word, node = "-", ...rest] = line.split(" ");
  if (word === "starts") {
    const [first = "", ...runs] = rest;
    const token = BigInt(first);
    return runs.map((run, index) => {
      const fencingToken = token + BigInt(index);
      return { type: "beforeRun", ...ofRun(run), attempt: 1, node, fencingToken };
    });
  }
  const [started, finished, attempt, ...items] = rest;
  const ended = {
    ...({ type: "afterRun", outcome: "succeeded", retry: false, node, reason: undefined } as const),
    ...{ startedAt: new Date(Number(started)), finishedAt: new Date(Number(finished)) },
    attempt: Number(attempt),
  };
  const events: ClusterEvent[] = [];
  for (let at = 0; at + 1 < items.length; at += 2)
    events.push({ ...ended, ...ofRun(items[at] ?? ""), fencingToken: BigInt(items[at + 1] ?? 0) });
  return events;
}

function parseLine(line: string): ClusterEvent | undefined {
  const [word = "", subject = "", ...rest] = line.split(" ");
  switch (word) {
    case "started": {
      const [attempt, token, node = "-"] = rest;
      return {
        type: "beforeRun",
        ...ofRun(subject),
        attempt: Number(attempt),
        node,
        fencingToken: BigInt(token ?? 0),
      };
    }
    case "ended":
    case "again":
      if (rest.length < 7) return undefined;
      return readEnd(ofRun(subject), rest, word === "again");
    case "leaderElected":
    case "leaderLost":
      return { type: word, node: subject, epoch: Number(rest[0]) };
    case "nodeJoined":
    case "nodeLeft":
    case "nodeDead":
      return { type: word, node: subject };
    case "paused":
    case "pausedTooLong":
      return { type: word, ...parsePause([subject, ...rest].join(" ")) };
    case "autoPaused": {
      const [failures, ...reason] = rest;
      return {
        type: "autoPaused",
        jobId: subject,
        failures: Number(failures),
        reason: JSON.parse(reason.join(" ")) as string,
      };
    }
    case "resumed":
      return { type: word, target: subject, ...parseResumed(rest.join(" ")) };
    case "mended":
      return { type: "mended", subject, what: rest.join(" ") };
    case "jobAdded":
    case "jobUpdated":
    case "jobRemoved":
    case "jobExhausted":
    case "jobParked":
      return { type: word, jobId: subject };
    default:
      return undefined;
  }
}

function readEnd(run: OfRun, rest: readonly string[], retry: boolean): ClusterEvent {
  const [, started, finished, state = "l", attempt, token, node = "-", count, ...quoted] = rest;
  const text = quoted.join(" ");
  const reason = text === "" ? undefined : (JSON.parse(text) as string);
  if (state === "k") return { type: "skipped", ...run, reason };
  if (state === "m") return { type: "missed", ...run, reason, count: Number(count || 1) };
  const ended = {
    ...run,
    attempt: Number(attempt),
    node,
    fencingToken: BigInt(token ?? 0),
    startedAt: started === "0" ? undefined : new Date(Number(started)),
    finishedAt: new Date(Number(finished)),
    reason,
  };
  if (state === "l") return { type: "lost", retry, ...ended };
  return { type: "afterRun", outcome: outcomes[state as keyof typeof outcomes] ?? "failed", retry, ...ended };
}

function ofRun(runId: string): OfRun {
  return { runId, jobId: parseRunId(runId)?.job };
}
