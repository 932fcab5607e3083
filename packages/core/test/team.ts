import { eventually } from "@escapement/testing";
import type { Handler, RunHandle, Scheduler, SchedulerOptions, TaskOptions } from "../src/index.js";
import type { Cluster } from "./cluster.js";

/** Nodes that run a task, and somebody who asks. */
export interface Team {
  readonly nodes: readonly Scheduler[];
  /** Runs nothing. */
  readonly client: Scheduler;
}

/** Three nodes that run one at a time each, so that what runs at once runs on several, and a client. */
export async function team(
  cluster: Cluster,
  handler: Handler<unknown, unknown>,
  { task = {}, ...options }: SchedulerOptions & { readonly task?: TaskOptions<unknown> } = {},
): Promise<Team> {
  const nodes = [0, 1, 2].map(() => cluster.scheduler({ concurrency: 1, ...options }));
  for (const node of nodes) node.task("task", task, handler);
  await Promise.all(nodes.map((node) => node.start()));
  return { nodes, client: cluster.scheduler() };
}

/** Three instances that run nothing, and are connected, so that what they do at once does meet. */
export async function clients(cluster: Cluster): Promise<Scheduler[]> {
  const three = [0, 1, 2].map(() => cluster.scheduler());
  await Promise.all(three.map((one) => one.nodes()));
  return three;
}

/** A handler that counts how many of it run at once, wherever. */
export function counted(ms: number): { readonly handler: Handler<unknown, unknown>; most(): number } {
  let [now, most] = [0, 0];
  const handler: Handler<unknown, unknown> = async () => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setTimeout(resolve, ms));
    now -= 1;
  };
  return { handler, most: () => most };
}

/** So many of the same. */
export const times = <T>(count: number, options: T): T[] => Array.from({ length: count }, () => options);
/** The results of runs, once all have succeeded. */
export const all = (runs: readonly RunHandle[]): Promise<unknown[]> =>
  Promise.all(runs.map((run) => run.result({ timeout: 20_000 })));
/** On which nodes they ran. */
export const nodesOf = async (runs: readonly RunHandle[]): Promise<Set<string | undefined>> =>
  new Set(await Promise.all(runs.map(async (run) => (await run.get())?.node)));
/** Resolves once a run is in a state. */
export const is = (run: RunHandle, state: string): Promise<unknown> =>
  eventually(async () => (await run.get())?.state === state);
