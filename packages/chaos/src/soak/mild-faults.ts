import type { Scheduler } from "@escapement/core";
import type { TestProcess } from "@escapement/testing";
import type { Redis } from "ioredis";

/** A fault that a healthy cluster bears without losing an attempt. */
export interface Mild {
  readonly kind: "freeze" | "cut" | "resign";
  /** Wall clock, ms. */
  readonly at: number;
}

const every = 20_000;
const freeze = 1000; // far below a node's lease

/** Lets a node stand still, cuts all connections, and lets another lead, one after the other, each so many seconds. */
export function mildFaults(
  client: Scheduler,
  redis: Redis,
  nodes: readonly TestProcess[],
): { readonly done: readonly Mild[]; stop(): void } {
  const done: Mild[] = [];
  const kinds = ["freeze", "cut", "resign"] as const;
  const happen = async (kind: Mild["kind"], number: number): Promise<void> => {
    done.push({ kind, at: Date.now() });
    if (kind === "resign") await client.resignLeader();
    if (kind === "cut") await redis.client("KILL", "TYPE", "normal", "SKIPME", "yes");
    const node = nodes[number % nodes.length];
    if (kind !== "freeze" || node === undefined) return;
    node.kill("SIGSTOP");
    setTimeout(() => node.kill("SIGCONT"), freeze);
  };
  let number = 0;
  const timer = setInterval(() => {
    const kind = kinds[number % kinds.length] ?? "cut";
    number += 1;
    happen(kind, number).catch(() => undefined);
  }, every);
  return { done, stop: () => clearInterval(timer) };
}
