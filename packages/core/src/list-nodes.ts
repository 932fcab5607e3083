import { type NodeInfo, readLeader, readNodes } from "./read-nodes.js";
import { type PauseInfo, readPauses } from "./read-pauses.js";
import type { Store } from "./store.js";

/** A running instance as it is listed: also whether it is being drained. */
export interface ListedNode extends NodeInfo {
  /** The pause of the node itself: it takes no further runs. `undefined`: there is none. */
  readonly pause: PauseInfo | undefined;
  /** The partitions whose list it is on, of those that the namespace has. */
  readonly partitions: readonly number[];
  /** Those that it leads. */
  readonly leads: readonly number[];
}

/** All nodes that have not left, each with its own pause. */
export async function listNodes(store: Store): Promise<ListedNode[]> {
  const [nodes, leader] = await Promise.all([readNodes(store), readLeader(store)]);
  const own = [store.partition];
  const pauses = await readPauses(
    store,
    nodes.map(({ id }) => `node:${id}`),
  );
  return nodes.map((node) => ({
    ...node,
    pause: pauses.get(`node:${node.id}`),
    partitions: own,
    leads: node.id === leader?.node ? own : [],
  }));
}
