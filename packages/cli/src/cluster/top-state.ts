import type {
  ActiveRun,
  ClusterLoad,
  ComingFireTime,
  LeaderInfo,
  ListedNode,
  PauseInfo,
  Scheduler,
  SchedulerEvent,
} from "@escapement/core";

/** What happened in a span of time, by the cluster's events. */
export interface Rates {
  /** Seconds that were counted. */
  readonly seconds: number;
  readonly started: number;
  readonly succeeded: number;
  /** Attempts that failed, timed out or were lost. */
  readonly failed: number;
}

/** The cluster at one moment. */
export interface TopState {
  readonly namespace: string;
  readonly leader: LeaderInfo | undefined;
  readonly nodes: readonly ListedNode[];
  readonly load: ClusterLoad;
  readonly rates: Rates;
  readonly active: readonly ActiveRun[];
  /** `undefined` until they have been read for the first time: that takes a while where there are many jobs. */
  readonly pauses: readonly PauseInfo[] | undefined;
  readonly next: readonly ComingFireTime[] | undefined;
}

const failures: readonly string[] = ["failed", "timed-out"];

/** Looks at a cluster again and again. What takes long with many jobs is read beside, and not each time. */
export class TopReader implements AsyncDisposable {
  readonly #scheduler: Scheduler;
  readonly #rows: number;
  readonly #closed = new AbortController();
  #counts = { started: 0, succeeded: 0, failed: 0 };
  #countedFrom = performance.now();
  #counting: Promise<void> = Promise.resolve();
  #slow: Promise<void> | undefined;
  #slowAgain = 0;
  #pauses: readonly PauseInfo[] | undefined;
  #next: readonly ComingFireTime[] | undefined;

  constructor(scheduler: Scheduler, rows: number) {
    this.#scheduler = scheduler;
    this.#rows = rows;
  }

  /** Begins to count what happens. */
  start(): void {
    this.#countedFrom = performance.now();
    this.#counting = this.#count();
  }

  /** @param whole whether to wait for what takes long */
  async look(whole = false): Promise<TopState> {
    this.#lookAtJobs();
    if (whole) await this.#slow;
    const scheduler = this.#scheduler;
    const [leader, nodes, load, active] = await Promise.all([
      scheduler.leader(),
      scheduler.nodes(),
      scheduler.load(),
      scheduler.activeRuns(this.#rows),
    ]);
    nodes.sort((one, other) => one.startedAt.getTime() - other.startedAt.getTime());
    const { namespace } = scheduler;
    const [pauses, next] = [this.#pauses, this.#next];
    return { namespace, leader, nodes, load, rates: this.#rates(), active, pauses, next };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#counting;
  }

  #rates(): Rates {
    const now = performance.now();
    const rates = { seconds: (now - this.#countedFrom) / 1000, ...this.#counts };
    this.#counts = { started: 0, succeeded: 0, failed: 0 };
    this.#countedFrom = now;
    return rates;
  }

  async #count(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        for await (const event of this.#scheduler.events({ signal })) this.#add(event);
      } catch {
        // Looking says what is wrong with the store; until it is well again nothing can be counted.
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }

  #add(event: SchedulerEvent): void {
    if (event.type === "beforeRun") this.#counts.started += 1;
    else if (event.type === "lost") this.#counts.failed += 1;
    else if (event.type === "afterRun") {
      if (event.outcome === "succeeded") this.#counts.succeeded += 1;
      else if (failures.includes(event.outcome)) this.#counts.failed += 1;
    }
  }

  /** Goes through all jobs, and afterwards leaves the store alone for ten times as long. */
  #lookAtJobs(): void {
    if (this.#slow !== undefined || performance.now() < this.#slowAgain) return;
    const begun = performance.now();
    const scheduler = this.#scheduler;
    this.#slow = Promise.all([scheduler.pauses(), scheduler.nextFireTimes({ count: this.#rows })])
      .then(([pauses, next]) => {
        this.#pauses = pauses;
        this.#next = next;
      })
      .catch(() => undefined) // the look that goes with it says so
      .finally(() => {
        this.#slow = undefined;
        this.#slowAgain = performance.now() + 10 * (performance.now() - begun);
      });
  }
}
