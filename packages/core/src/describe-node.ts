import { hostname } from "node:os";
import type { LoopName } from "./loop-watch.js";
import type { Settings } from "./options.js";
import type { Store } from "./store.js";
import { version } from "./version.js";

/** What about a node changes while it runs. */
export interface NodeState {
  /** Names of the tasks that it has handlers for. */
  readonly tasks: readonly string[];
  /** Its loops that do not go round any more. */
  readonly stuck: readonly LoopName[];
  /** When it last let go of the leader's lease because its loop stood still, in ms by Redis' clock. */
  readonly stalledAt: number | undefined;
  /** When it was last asked to let another lead, the same. */
  readonly resignedAt: number | undefined;
}

/** A clock's offset is told anew when it has changed by so many milliseconds: it is never known more exactly than the network allows. */
const worthTelling = 50;

/** What a node says of itself in `node-info`: as it joins, and with a heartbeat whenever something of it has changed. */
export class NodeDescription {
  readonly #settings: Settings;
  readonly #store: Store;
  readonly #state: () => NodeState;
  #told = "";
  #toldOffset = 0;

  constructor(settings: Settings, store: Store, state: () => NodeState) {
    this.#settings = settings;
    this.#store = store;
    this.#state = state;
  }

  /** Whether the store has to be told anew. */
  get hasChanged(): boolean {
    return this.#rest() !== this.#told || Math.abs(this.#offset() - this.#toldOffset) >= worthTelling;
  }

  /** What is to be told, as JSON, and what to call once the store has it. */
  next(): { readonly text: string; told(): void } {
    const [rest, clockOffset] = [this.#rest(), this.#offset()];
    return {
      text: JSON.stringify({ ...JSON.parse(rest), clockOffset }),
      told: () => {
        this.#told = rest;
        this.#toldOffset = clockOffset;
      },
    };
  }

  #offset(): number {
    return this.#store.clock.wallOffset();
  }

  #rest(): string {
    const { roles, queues, concurrency } = this.#settings;
    const { tasks, stuck, stalledAt, resignedAt } = this.#state();
    return JSON.stringify({
      host: hostname(),
      pid: process.pid,
      version,
      startedAt: Math.round(performance.timeOrigin),
      roles,
      queues,
      concurrency,
      tasks,
      ...(stuck.length === 0 ? {} : { stuck }),
      ...(stalledAt === undefined ? {} : { stalledAt }),
      ...(resignedAt === undefined ? {} : { resignedAt }),
    });
  }
}
