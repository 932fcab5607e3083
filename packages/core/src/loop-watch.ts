import type { Settings } from "./options.js";

/** The loops of a node. */
export type LoopName = "worker" | "leader";

/** Milliseconds between two beats. */
const every = 500;

/**
 * Whether a loop of this process still goes round (W3). That is counted in beats of this process' own timer, not in time: a process that was
 * frozen, and a machine that slept, has not had the turns that it would have needed.
 */
export class LoopWatch {
  readonly #most: number;
  #beats = 0;
  #running = false;

  constructor(settings: Pick<Settings, "pollEvery" | "deadline">) {
    this.#most = Math.ceil(stuckAfter(settings) / every);
  }

  /** The loop begins. */
  began(): void {
    this.#running = true;
    this.turned();
  }

  /** The loop has gone round, or a step of it was answered, or refused. */
  turned(): void {
    this.#beats = 0;
  }

  /** The loop has ended as it should. */
  ended(): void {
    this.#running = false;
  }

  /** To be called each {@link every} milliseconds. */
  beat(): void {
    this.#beats += 1;
  }

  /** Whether it should go round and has not for longer than a turn can take. */
  get isStuck(): boolean {
    return this.#running && this.#beats > this.#most;
  }
}

/** Milliseconds after which a loop that has not gone round is stuck: it sleeps up to `pollEvery`, and every step of it has a deadline. */
export function stuckAfter({ pollEvery, deadline }: Pick<Settings, "pollEvery" | "deadline">): number {
  return pollEvery + 3 * deadline;
}

/** Lets the watches' time go on. Answers what ends that. */
export function startBeats(watches: readonly LoopWatch[]): () => void {
  const timer = setInterval(() => {
    for (const watch of watches) watch.beat();
  }, every).unref();
  return () => clearInterval(timer);
}
