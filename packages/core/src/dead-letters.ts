import { EscapementError } from "@escapement/redis";
import { fields, nameAt, orElse, whole } from "./check.js";
import { readRunById } from "./read-runs.js";
import type { Run } from "./run.js";
import { redrive } from "./scripts/index.js";
import type { Store } from "./store.js";

/** Which dead letters. */
export interface DeadLettersOf {
  /** @default "default" */
  readonly queue?: string;
  /** The oldest so many, 1 to 1000. @default 100 */
  readonly limit?: number;
}

/** A run that failed for good, and is kept until it is tried again or removed. */
export interface DeadLetter {
  readonly id: string;
  readonly queue: string;
  readonly failedAt: Date;
  /** The run, if it is still among the finished ones that are kept. */
  readonly run: Run | undefined;
}

function read(of: DeadLettersOf): { queue: string; limit: number } {
  const { queue, limit } = fields("options", of, ["queue", "limit"]);
  return {
    queue: nameAt("queue", orElse(queue, "default")),
    limit: whole("limit", orElse(limit, 100), 1, 1000),
  };
}

/** The dead letters of a queue, oldest first. */
export async function listDeadLetters(store: Store, of: DeadLettersOf): Promise<DeadLetter[]> {
  const { queue, limit } = read(of);
  const found = await store.commands.run("reading dead letters", (client) =>
    client.zrange(store.keys.deadLettersOf(queue), 0, limit - 1, "WITHSCORES"),
  );
  const letters: DeadLetter[] = [];
  for (let at = 0; at + 1 < found.length; at += 2) {
    const id = found[at] ?? "";
    const run = await readRunById(store, id);
    letters.push({ id, queue, failedAt: new Date(Number(found[at + 1])), run });
  }
  return letters;
}

/** Gives the oldest dead letters of a queue another attempt each, or forgets them. Answers their runs. */
export async function takeDeadLetters(store: Store, of: DeadLettersOf, retry: boolean): Promise<string[]> {
  return call(store, read(of), [], retry);
}

/**
 * Gives a run that failed for good another attempt.
 *
 * @throws EscapementError `NOT_A_DEAD_LETTER`
 */
export async function retryRun(store: Store, run: string): Promise<void> {
  const done = await call(store, { queue: "-", limit: 0 }, [run], true);
  if (done.length > 0) return;
  throw new EscapementError(
    "NOT_A_DEAD_LETTER",
    `Run ${run} is not among the dead letters: it has not failed for good, was retried already, or its job is gone.`,
  );
}

async function call(
  store: Store,
  { queue, limit }: { queue: string; limit: number },
  runs: readonly string[],
  retry: boolean,
): Promise<string[]> {
  const { prefix, ...keys } = store.keys;
  const [, done] = await store.timedWhenFull(
    () =>
      redrive.run(store.commands, {
        keys,
        args: { ...store.founding, prefix, queue, limit, retry: retry ? 1 : 0 },
        lists: { runs },
      }),
    ([time]) => time,
  );
  return done;
}
