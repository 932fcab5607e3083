import type { Settings } from "../options.js";
import { type LeaderInfo, type NodeInfo, readLeader, readNodes } from "../read-nodes.js";
import type { Store } from "../store.js";
import { type Backlog, readBacklog } from "./backlog.js";

/** What several checks look at, read once. */
export interface Picture {
  /** Redis' time in ms, not below what scripts have seen. */
  readonly now: number;
  readonly nodes: readonly NodeInfo[];
  readonly alive: readonly NodeInfo[];
  readonly leader: LeaderInfo | undefined;
}

/** What an area of the doctor's is handed. */
export interface Inspection {
  readonly store: Store;
  readonly settings: Settings;
  /** Reads at the first call only. */
  picture(): Promise<Picture>;
  /** Reads at the first call only. */
  backlog(): Promise<Backlog>;
}

/** An inspection of a store that answers. */
export function inspectionOf(store: Store, settings: Settings): Inspection {
  let read: Promise<Picture> | undefined;
  let due: Promise<Backlog> | undefined;
  const picture = (): Promise<Picture> => {
    read ??= readPicture(store);
    return read;
  };
  const backlog = (): Promise<Backlog> => {
    due ??= picture().then((view) => readBacklog(store, view));
    return due;
  };
  return { store, settings, picture, backlog };
}

async function readPicture(store: Store): Promise<Picture> {
  const now = await store.now();
  const nodes = await readNodes(store);
  return { now, nodes, alive: nodes.filter((node) => node.alive), leader: await readLeader(store) };
}

/** Milliseconds by which what a dead node or leader left has been taken over, as long as somebody can. */
export function takenOverWithin({ nodeTtl, leaderTtl }: Settings): number {
  return nodeTtl + leaderTtl;
}
