import type { LeaderInfo } from "@escapement/core";
import { type LiveNode, type NodeLine, startLiveNode } from "./live-node.js";

/** A node that was killed to show what happens then. */
export interface Kill {
  readonly node: LiveNode;
  readonly at: number;
}

/** The node processes, and what is done to them. */
export class Cluster {
  readonly nodes: LiveNode[] = [];
  readonly #env: Readonly<Record<string, string>>;
  #number = 0;

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  async add(): Promise<LiveNode> {
    this.#number += 1;
    const node = await startLiveNode(`node ${this.#number}`, this.#env);
    this.nodes.push(node);
    return node;
  }

  /** What the nodes have printed since the last call, in order of time. */
  newLines(): { readonly node: LiveNode; readonly line: NodeLine }[] {
    const all = this.nodes.flatMap((node) => node.newLines().map((line) => ({ node, line })));
    return all.sort((one, other) => (one.line.time < other.line.time ? -1 : 1));
  }

  /** SIGKILL to the process that leads. */
  killLeader(leader: LeaderInfo | undefined): Kill | undefined {
    const node = this.nodes.find(
      ({ id, state }) => id !== undefined && id === leader?.node && state === "alive",
    );
    if (node === undefined) return undefined;
    node.process.kill("SIGKILL");
    node.state = "dead";
    return { node, at: Date.now() };
  }

  /** SIGTERM to all, and their ends; what has not ended after `within` ms is killed. */
  async stop(within: number): Promise<void> {
    await Promise.all(
      this.nodes.map(async ({ process }) => {
        process.kill("SIGTERM");
        const timer = setTimeout(() => void process.stop(), within);
        await process.exited;
        clearTimeout(timer);
      }),
    );
  }
}
