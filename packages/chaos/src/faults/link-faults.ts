import type { TcpProxy } from "@escapement/testing";
import type { Link } from "../topologies/topology.js";
import type { FaultKind, Hands } from "./fault.js";

const onNodes: FaultKind["targets"] = ({ nodes }) => nodes;

/** Connections stay and carry nothing, either way. */
export const halfOpen: FaultKind = {
  name: "half-open",
  targets: onNodes,
  lasts: [200, 5000],
  begin: async (hands) => {
    const { store } = await linkOf(hands);
    const open = connections(store);
    for (const proxy of store) proxy.pause();
    return { end: () => resume(store), proof: () => (open > 0 ? `${open} connections carried nothing` : "") };
  },
};

/** Connections are reset. */
export const cut: FaultKind = {
  name: "cut",
  targets: onNodes,
  lasts: [1, 1],
  begin: async (hands) => {
    const { store } = await linkOf(hands);
    const open = connections(store);
    for (const proxy of store) proxy.cut();
    return { proof: () => (open > 0 ? `${open} connections were reset` : "") };
  },
};

/** Requests arrive, and their replies are cut off. */
export const lostReplies: FaultKind = {
  name: "lost-replies",
  targets: onNodes,
  lasts: [5, 400],
  begin: async (hands) => {
    const { store } = await linkOf(hands);
    const open = connections(store);
    for (const proxy of store) proxy.blockReplies(true);
    return {
      end: () => store.forEach(loseReplies),
      proof: () => (open > 0 ? `${open} connections lost what was to be answered` : ""),
    };
  },
};

/** Loses the replies that a proxy holds back, and lets later ones through. */
export function loseReplies(proxy: TcpProxy | undefined): void {
  proxy?.cut();
  proxy?.blockReplies(false);
}

function resume(proxies: readonly TcpProxy[]): void {
  for (const proxy of proxies) proxy.resume();
}

function connections(proxies: readonly TcpProxy[]): number {
  return proxies.reduce((sum, proxy) => sum + proxy.connections, 0);
}

function linkOf({ trial, target }: Hands): Promise<Link> {
  return trial.topology.linkOf(target);
}
