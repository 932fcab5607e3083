import type { TcpProxy } from "@escapement/testing";
import type { FaultKind, PlannedFault } from "./schedule.js";
import type { Trial } from "./trial.js";

/** What a fault can be done to. Those that do not fit its target are not there. */
interface Hands {
  readonly trial: Trial;
  readonly target: string;
  readonly proxy: TcpProxy | undefined;
}

interface Deed {
  begin(hands: Hands): unknown;
  /** What ends it; a node that has ended is started again. */
  end?(hands: Hands): unknown;
}

const node = ({ trial, target }: Hands): ReturnType<Trial["nodes"]["get"]> => trial.nodes.get(target);
const voter = ({ trial, target }: Hands): Trial["redis"] | undefined => trial.voters?.servers[Number(target)];
const startNode = ({ trial, target }: Hands): unknown => trial.addNode(target);
const freezeNode: Deed = { begin: (hands) => node(hands)?.freeze(), end: (hands) => node(hands)?.thaw() };

const deeds: Readonly<Record<FaultKind, Deed>> = {
  "node-kill": { begin: (hands) => node(hands)?.kill(), end: startNode },
  "node-restart": { begin: (hands) => node(hands)?.stop(), end: startNode },
  "node-freeze": freezeNode,
  "node-freeze-long": freezeNode,
  "half-open": { begin: ({ proxy }) => proxy?.pause(), end: ({ proxy }) => proxy?.resume() },
  cut: { begin: ({ proxy }) => proxy?.cut() },
  "lost-replies": { begin: ({ proxy }) => proxy?.blockReplies(true), end: ({ proxy }) => loseReplies(proxy) },
  "redis-restart": { begin: ({ trial }) => trial.redis.restart() },
  "redis-kill": { begin: ({ trial }) => trial.redis.kill(), end: ({ trial }) => trial.redis.restart() },
  "redis-freeze": { begin: ({ trial }) => trial.redis.freeze(), end: ({ trial }) => trial.redis.thaw() },
  "voter-kill": { begin: (hands) => voter(hands)?.kill(), end: (hands) => voter(hands)?.restart() },
  "voter-freeze": { begin: (hands) => voter(hands)?.freeze(), end: (hands) => voter(hands)?.thaw() },
};

/** Loses the replies that a proxy holds back, and lets later ones through. */
export function loseReplies(proxy: TcpProxy | undefined): void {
  proxy?.cut();
  proxy?.blockReplies(false);
}

/** Does what was planned, and resolves when it is over. `proxy`: what stands between the target and the store. */
export async function inject(trial: Trial, proxy: TcpProxy | undefined, fault: PlannedFault): Promise<void> {
  const hands = { trial, proxy, target: fault.target };
  const { begin, end } = deeds[fault.kind];
  await trial.fault(fault.kind, fault.target, () => begin(hands));
  await trial.lasts(fault.lasts);
  await end?.(hands);
}
