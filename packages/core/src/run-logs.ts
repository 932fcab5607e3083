import { AsyncResource } from "node:async_hooks";
import type { Claimed } from "./claim.js";
import type { Events } from "./events.js";
import { type LogLevel, writeLogLine } from "./log-lines.js";
import { log } from "./scripts/index.js";
import type { Store } from "./store.js";

/** How many lines are kept of a run, and how much waits to be written: with a word about what was dropped, no more than is kept. */
export const logBounds = { kept: 1000, ofAttempt: 999, ofNode: 5000, charactersOfNode: 4 * 2 ** 20 } as const;

const flushEvery = 250;
const longestPause = 5000;

interface Line {
  readonly number: number;
  readonly text: string;
}

/** The lines of one attempt that wait to be written. */
export interface AttemptLog {
  /** Never throws, and waits for nothing. */
  keep(level: LogLevel, message: string, fields: Record<string, unknown> | undefined): void;
  /** The attempt has ended: what waits is still written, what comes is not kept. */
  close(): void;
}

interface Waiting {
  readonly claimed: Claimed;
  readonly lines: Line[];
  /** The number of the latest line. */
  last: number;
  /** How many lines were dropped, the number of the latest of them, and of how many the log tells. */
  dropped: number;
  droppedTo: number;
  told: number;
  /** The number of the latest line that is under way. */
  sent: number;
  ended: boolean;
}

/** The log lines of a node's runs: gathered in memory, bounded, and written for all runs at once. */
export class RunLogs {
  readonly #node: string;
  readonly #store: Store;
  readonly #events: Events;
  readonly #waiting = new Set<Waiting>();
  #lines = 0;
  #characters = 0;
  #timer: NodeJS.Timeout | undefined;
  #underWay = 0;
  #failures = 0;
  /** Whether the server surely knows the script: else its text is sent, so that it is not taken after what is sent behind it. */
  #known = false;
  #closed = false;
  /** What is called by a timer that a handler's line has set is none of the handler's. */
  readonly #onTimer: () => void = AsyncResource.bind(() => this.#timed());

  constructor(node: string, store: Store, events: Events) {
    this.#node = node;
    this.#store = store;
    this.#events = events;
    store.lease.on("restored", this.#onRestored);
  }

  open(claimed: Claimed): AttemptLog {
    const none = { last: 0, dropped: 0, droppedTo: 0, told: 0, sent: 0 };
    const waiting: Waiting = { claimed, lines: [], ...none, ended: false };
    return {
      keep: (level, message, fields) => {
        if (waiting.ended || this.#closed) return;
        const { attempt } = claimed;
        const line = { at: this.#store.clock.now(), level, attempt, message };
        this.#add(waiting, writeLogLine(fields === undefined ? line : { ...line, fields }));
      },
      close: () => {
        waiting.ended = true;
      },
    };
  }

  #add(waiting: Waiting, text: string): void {
    waiting.last += 1;
    waiting.lines.push({ number: waiting.last, text });
    this.#waiting.add(waiting);
    this.#lines += 1;
    this.#characters += text.length;
    while (
      waiting.lines.length > 0 &&
      (waiting.lines.length > logBounds.ofAttempt ||
        this.#lines > logBounds.ofNode ||
        this.#characters > logBounds.charactersOfNode)
    ) {
      waiting.droppedTo = this.#takeFirst(waiting);
      waiting.dropped += 1;
    }
    this.#timer ??= setTimeout(this.#onTimer, flushEvery).unref();
  }

  #takeFirst({ lines }: Waiting): number {
    const line = lines.shift();
    if (line === undefined) return 0;
    this.#lines -= 1;
    this.#characters -= line.text.length;
    return line.number;
  }

  #timed(): void {
    this.#timer = undefined;
    if (this.#underWay === 0) this.flush();
    this.#plan();
  }

  #plan(): void {
    if (this.#closed || this.#waiting.size === 0) return;
    const pause = Math.min(flushEvery * 2 ** Math.min(this.#failures, 10), longestPause);
    this.#timer ??= setTimeout(this.#onTimer, pause).unref();
  }

  /** To be called before outcomes are sent: what the ended attempts have said goes first. */
  flushEnded(): void {
    for (const { ended, last, sent } of this.#waiting) {
      if (!ended || last <= sent) continue;
      this.flush();
      return;
    }
  }

  /**
   * Sends all that waits, with what is under way already: positions make sending it twice harmless. It is sent at once, before
   * whatever is sent on the connection of leases after it. Resolves when it is answered, also if that is an error.
   */
  async flush(): Promise<void> {
    const all = [...this.#waiting];
    if (!all.some(({ last, sent }) => last > sent)) return;
    const batch = all.map((waiting) => {
      const { last, dropped } = waiting;
      return { waiting, last, dropped, lines: this.#linesOf(waiting) };
    });
    for (const { waiting, last } of batch) waiting.sent = last;
    this.#underWay += 1;
    try {
      const taken = await this.#send(batch);
      this.#known = true;
      this.#failures = 0;
      for (const [index, { waiting, last, dropped }] of batch.entries()) {
        if (taken[index] === "1") this.#written(waiting, last, dropped);
        else this.#forget(waiting); // held no more: whoever holds the run writes its log
      }
    } catch (error) {
      this.#known = false;
      for (const { waiting } of batch) waiting.sent = 0;
      this.#failures += 1;
      if (!this.#closed) this.#events.emit("error", { step: "log", error: error as Error });
    } finally {
      this.#underWay -= 1;
      this.#plan();
    }
  }

  /** What is to be sent of one attempt; if lines were dropped, a word about it stands at the place of the last of them. */
  #linesOf({ claimed, lines, dropped, told, droppedTo }: Waiting): readonly Line[] {
    if (dropped === told) return [...lines];
    const message = `${dropped - told} lines were dropped here: they came faster than they could be written`;
    const at = this.#store.clock.now();
    const text = writeLogLine({ at, level: "warn", attempt: claimed.attempt, message });
    return [{ number: droppedTo, text }, ...lines];
  }

  #send(batch: readonly { readonly waiting: Waiting; readonly lines: readonly Line[] }[]): Promise<string> {
    const { keys, lease, retention } = this.#store;
    const node = this.#node;
    const [names, values] = log.flatten({
      keys: { ...keys, active: keys.active(node) },
      args: { prefix: keys.prefix, node, most: logBounds.kept, age: retention.logAge },
      lists: {
        runs: batch.flatMap(({ waiting: { claimed }, lines }) => [claimed.run, claimed.token, lines.length]),
        lines: batch.flatMap(({ lines }) => lines.flatMap(({ number, text }) => [number, text])),
      },
    });
    return lease.run(log.name, (client) =>
      this.#known
        ? log.send(client, names, values)
        : (client.eval(log.source, names.length, ...names, ...(values as string[])) as Promise<string>),
    );
  }

  #written(waiting: Waiting, last: number, dropped: number): void {
    while ((waiting.lines[0]?.number ?? Number.POSITIVE_INFINITY) <= last) this.#takeFirst(waiting);
    waiting.told = Math.max(waiting.told, dropped);
    if (waiting.lines.length === 0 && waiting.dropped === waiting.told) this.#waiting.delete(waiting);
  }

  #forget(waiting: Waiting): void {
    while (waiting.lines.length > 0) this.#takeFirst(waiting);
    this.#waiting.delete(waiting);
  }

  readonly #onRestored = (): void => {
    this.#known = false; // another server may be there
  };

  /** Forgets what waits. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#store.lease.off("restored", this.#onRestored);
    for (const waiting of [...this.#waiting]) this.#forget(waiting);
  }
}
