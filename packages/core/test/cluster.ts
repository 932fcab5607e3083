import { createKeys, type Keys, partitionOf } from "@escapement/redis/internal";
import { type JobStore, uniqueNamespace } from "@escapement/testing";
import {
  type AttemptEvent,
  createScheduler,
  type Scheduler,
  type SchedulerEvents,
  type SchedulerOptions,
} from "../src/index.js";
import { silentLogger } from "./silent-logger.js";

/** Leases and polls so short that a test sees their end. */
export const fast = {
  nodeTtl: 1000,
  leaderTtl: 500,
  lookahead: 1500,
  pollEvery: 200,
  abortGrace: 200,
  logger: silentLogger,
} as const satisfies SchedulerOptions;

/** Over how many partitions the environment says that a namespace is spread. */
export const partitions: number = Number(process.env["ESCAPEMENT_PARTITIONS"] ?? 1);

/** Ids of runs that lie in the first partition, in their order there. */
export function idsTogether(count: number): string[] {
  const ids: string[] = [];
  for (let at = 1000; ids.length < count; at += 1)
    if (partitionOf(`run-${at}`, partitions) === 0) ids.push(`run-${at}`);
  return ids;
}

/** Schedulers of one namespace, stopped together. */
export class Cluster implements AsyncDisposable {
  readonly namespace: string = uniqueNamespace("core");
  readonly server: JobStore;
  readonly #options: SchedulerOptions;
  readonly #all: Scheduler[] = [];

  /** @param options of each of them */
  constructor(server: JobStore, options: SchedulerOptions = {}) {
    this.server = server;
    this.#options = options;
  }

  /** One more process; a client until it is started. */
  scheduler(options: SchedulerOptions = {}): Scheduler {
    const scheduler = createScheduler({
      ...fast,
      redis: this.server.url,
      namespace: this.namespace,
      ...this.#options,
      ...options,
    });
    this.#all.push(scheduler);
    return scheduler;
  }

  /** The keys of the partition in which a job lives, where the environment says how many there are. */
  keysOf(job: string): Keys {
    return createKeys(this.namespace, partitionOf(job, partitions));
  }

  /** The keys of each partition. */
  get allKeys(): readonly Keys[] {
    return Array.from({ length: partitions }, (_, partition) => createKeys(this.namespace, partition));
  }

  /** How often a node has asked for runs. */
  async requestsOf(node: Scheduler): Promise<number> {
    const each = await Promise.all(this.allKeys.map((keys) => this.lastOfLines(node, keys)));
    return each.reduce((sum, numbers) => sum + Math.max(...numbers), 0);
  }

  /** The number of a node's last request of each line in a partition, the first if none is named; 0: there was none. */
  async lastOfLines(node: Scheduler, keys: Keys = createKeys(this.namespace)): Promise<number[]> {
    const redis = this.server.client();
    const numbers = await redis.hmget(keys.request(node.nodeId ?? ""), "number", "number2");
    redis.disconnect();
    return numbers.map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((scheduler) => scheduler.stop({ timeout: 1000 })));
  }
}

/** All of one kind of event that a scheduler tells, from now on. */
export function heard<E extends keyof SchedulerEvents>(scheduler: Scheduler, event: E): SchedulerEvents[E][] {
  const events: SchedulerEvents[E][] = [];
  scheduler.on(event, (details) => events.push(details));
  return events;
}

/** Of what is told in each partition what the first one tells, as one that is alone does. */
export const ofFirst = <E extends { readonly partition?: number | undefined }>(
  events: readonly E[],
): Omit<E, "partition">[] =>
  events.filter(({ partition = 0 }) => partition === 0).map(({ partition: _, ...rest }) => rest);

/** Which attempts were started, as `<run>#<attempt>`. */
export const startsOf = (events: readonly AttemptEvent[]): string[] =>
  events.map(({ runId, attempt }) => `${runId}#${attempt}`);

/** So many runs that are told nothing. */
export const many = (count: number): object[] => Array.from({ length: count }, () => ({}));

/** A promise and what settles it. */
export function gate<T = void>(): { readonly opened: Promise<T>; open(value: T): void } {
  let open: (value: T) => void = () => undefined;
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
