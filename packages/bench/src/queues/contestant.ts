/** Where a contestant keeps its runs: plain JSON, since worker processes are told it. */
export interface Place {
  /** The URL of the one Redis, or of a cluster. */
  readonly redis: string;
  /** The URL of a PostgreSQL, for those that need one. */
  readonly postgres?: string;
  /** URLs of independent Redis masters that vote on locks; only ours has a use for them. */
  readonly voters?: readonly string[];
  /** Over how many partitions ours is spread. @default 1 */
  readonly partitions?: number;
  /** How many finished runs are kept, by those who keep any. @default 1000, our own default */
  readonly keep?: number;
}

/** What is kept of finished runs where a {@link Place} does not say it. */
export const defaultKeep = 1000;

/** A recurring job. */
export interface Recurring {
  readonly id: string;
  /** Handed to its runs. */
  readonly n?: number;
  /** A cron expression of five fields, in UTC, or a cadence: the first fire time and the interval, in ms. */
  readonly when: { readonly cron: string } | { readonly every: number; readonly from: number };
}

/** Puts work there. */
export interface Client {
  /** Queues one run, handed the number if there is one. Resolves when it is stored. */
  enqueue(n?: number): Promise<unknown>;
  /** Queues a run for each, in the cheapest way that it has. */
  enqueueMany(ns: readonly (number | undefined)[]): Promise<unknown>;
  /** Defines or changes one recurring job; left out by those that have none. */
  define?(job: Recurring): Promise<unknown>;
  /** The same for many in one call; left out by those that cannot. */
  defineMany?(jobs: readonly Recurring[]): Promise<unknown>;
  close(): Promise<void>;
}

/** What is done with a run: its number, and when it was due, in ms since the epoch. */
export type Handle = (n: number, dueAt: number) => void | Promise<void>;

/** Carries work out, from when it is made until it is stopped. */
export interface QueueWorker {
  stop(): Promise<void>;
}

/** A queue or scheduler that does the same work as the others. */
export interface Contestant {
  readonly name: string;
  /** Whose version the report gives. */
  readonly package: string;
  readonly store: "redis" | "postgres";
  /** Whether `enqueueMany` is one call of its own, and not many at once of `enqueue`. */
  readonly bulk: boolean;
  /** About how many no-op runs a second it does on two cores, one at a time and many at once: sizes samples, so that each takes about as long. `most`: of more that wait it begins none. */
  readonly pace: { readonly one: number; readonly many: number; readonly most?: number };
  /** A stream of what happened, in Redis, of bounded length: left out where the bytes of a job or run are measured. */
  readonly events?: string;
  /** What of it is weaker or stronger than ours, for the notes. */
  readonly about: string;
  client(place: Place): Promise<Client>;
  work(place: Place, concurrency: number, handle: Handle): Promise<QueueWorker>;
}

/** The one queue and task that there is. */
export const queueName = "bench";
