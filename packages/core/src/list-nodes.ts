import { type NodeInfo, readNodes } from "./read-nodes.js";
import { type PauseInfo, readPauses } from "./read-pauses.js";
import type { Store } from "./store.js";

/** A running instance as it is listed: also whether it is being drained. */
export interface ListedNode extends NodeInfo {
  /** The pause of the node itself: it takes no further runs. `undefined`: there is none. */
  readonly pause: PauseInfo | undefined;
}

/** All nodes that have not left, each with its own pause. */
export async function listNodes(store: Store): Promise<ListedNode[]> {
  const nodes = await readNodes(store);
  const pauses = await readPauses(
    store,
    nodes.map(({ id }) => `node:${id}`),
  );
  return nodes.map((node) => ({ ...node, pause: pauses.get(`node:${node.id}`) }));
}
