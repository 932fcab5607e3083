import { setTimeout as sleep } from "node:timers/promises";
import type { EscapementError } from "@escapement/redis";
import { monotonic } from "./clock.js";
import { jittered } from "./id.js";
import { Node, type NodeParts } from "./node.js";
import { repeat } from "./repeat.js";

/** What a member's nodes are made of. */
export type MemberParts = Omit<NodeParts, "formers" | "onDead">;

/** A process as a member of the cluster: one node after the other, since an identity that has died is dead for good. */
export class Membership {
  readonly #parts: MemberParts;
  #node: Node | undefined;
  #joining: Node | undefined; // an identity that is not known to have joined
  #startingOver: Promise<void> | undefined;
  #open = true;
  #joinedAt = 0; // monotonic
  #deaths = 0; // in a row, of identities that did not live for half a lease

  constructor(parts: MemberParts) {
    this.#parts = parts;
  }

  /** The identity that it has now, or had last. */
  get node(): Node | undefined {
    return this.#node;
  }

  /**
   * Becomes a node. One whose joining was not answered may have joined, and have taken over its former's pause: it is tried until it has,
   * or may be dead.
   *
   * @throws EscapementError if it cannot join
   */
  async join(): Promise<void> {
    await repeat(this.#parts.store.deadline, async () => {
      this.#joining ??= this.#newNode(this.#node === undefined ? [] : [this.#node.id]);
      const node = await this.#start(this.#joining);
      [this.#joining, this.#node] = [undefined, node];
      this.#joinedAt = monotonic();
    });
  }

  /** Answers which node has joined: this one, or, if it must not be used any more, another. */
  async #start(node: Node): Promise<Node> {
    try {
      await node.start();
      return node;
    } catch (error) {
      if ((error as EscapementError).code !== "NODE_DEAD") throw error;
      const next = this.#newNode(node.names);
      this.#joining = next;
      const { logger } = this.#parts;
      logger.warn({ node: node.id, err: error }, `this identity may be dead: it joins as ${next.id}`);
      await node.discard();
      await next.start();
      return next;
    }
  }

  /** Stops the node, and becomes no other. */
  async stop(timeout: number): Promise<void> {
    this.#open = false;
    await this.#startingOver;
    await this.#node?.stop(timeout);
  }

  #newNode(formers: readonly string[]): Node {
    const onDead = (): void => {
      this.#startingOver = this.#startOver();
    };
    return new Node({ ...this.#parts, formers, onDead });
  }

  /** A dead node comes back under a new identity, as soon as Redis answers; what keeps dying young takes its time. */
  async #startOver(): Promise<void> {
    const livedOn = monotonic() - this.#joinedAt >= this.#parts.settings.nodeTtl / 2;
    this.#deaths = livedOn ? 0 : this.#deaths + 1;
    if (this.#deaths > 0) await sleep(jittered(Math.min(50 * 2 ** this.#deaths, 2000)));
    for (let failures = 0; this.#open; failures += 1) {
      try {
        await this.join();
        return;
      } catch (error) {
        this.#parts.events.emit("error", { step: "join", error: error as Error });
        await sleep(jittered(Math.min(100 * 2 ** failures, 2000)));
      }
    }
  }
}
