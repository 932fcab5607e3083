import { createHash } from "node:crypto";
import { monotonic } from "./clock.js";
import { type NodeInfo, readNodes } from "./read-nodes.js";
import type { Store } from "./store.js";

/** Milliseconds between two looks. A heartbeat brings what a node says of itself sooner, so that no look of two is from before it. */
const every = 3000;
/** So many looks in a row must find the same before anything is done about it. */
const enough = 2;
/** For so long (ms) a node that has given a lease up, for whatever reason, is not one that should lead. */
const unfit = 60_000;

/**
 * Which of these nodes should lead a partition: rendezvous hashing, by which each partition has its own order of all nodes, so that one that comes or goes changes
 * nothing about partitions that it does not lead.
 */
export function preferred(partition: number, nodes: readonly string[]): string | undefined {
  const weight = (node: string): string => createHash("sha256").update(`${partition} ${node}`).digest("hex");
  let best: { readonly node: string; readonly weight: string } | undefined;
  for (const node of nodes) {
    const own = weight(node);
    if (best === undefined || own > best.weight) best = { node, weight: own };
  }
  return best?.node;
}

/** A leader's look at who should lead its partition. */
export class Placement {
  readonly #store: Store;
  readonly #node: string;
  readonly #nodeTtl: number;
  #found: { readonly node: string; readonly times: number } | undefined;
  #madeWay: { readonly node: string; readonly at: number } | undefined;
  /** Monotonic time of the next look. */
  nextLook: number;

  constructor(store: Store, node: string, nodeTtl: number) {
    this.#store = store;
    this.#node = node;
    this.#nodeTtl = nodeTtl;
    this.nextLook = monotonic() + this.#every;
  }

  /** Looks, if it is time to. Answers which other node should lead, once that is certain. */
  async look(): Promise<string | undefined> {
    if (monotonic() < this.nextLook) return undefined;
    this.nextLook = monotonic() + this.#every; // also if it fails
    const now = this.#store.clock.now();
    const fit = (await readNodes(this.#store)).filter((node) => isFit(node, now));
    const best = preferred(
      this.#store.partition,
      fit.map(({ id }) => id),
    );
    if (best === undefined || best === this.#node || !fit.some(({ id }) => id === this.#node)) {
      // This node may have been asked to let others lead: they are found by whoever leads then.
      this.#found = undefined;
      return undefined;
    }
    const times = this.#found?.node === best ? this.#found.times + 1 : 1;
    this.#found = { node: best, times };
    if (times < enough || this.#hasJustMadeWayFor(best)) return undefined;
    this.#madeWay = { node: best, at: monotonic() };
    return best;
  }

  /** Who did not take it then does not come into the way of the work again at once. */
  #hasJustMadeWayFor(node: string): boolean {
    return this.#madeWay?.node === node && monotonic() - this.#madeWay.at < unfit;
  }

  get #every(): number {
    return Math.min(every, this.#nodeTtl / 3);
  }
}

function isFit({ alive, roles, stuck, stalledAt, resignedAt }: NodeInfo, now: number): boolean {
  const gaveUp = Math.max(stalledAt?.getTime() ?? 0, resignedAt?.getTime() ?? 0);
  return alive && roles.includes("leader") && !stuck.includes("leader") && now - gaveUp > unfit;
}
