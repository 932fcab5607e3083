import { setTimeout as pause } from "node:timers/promises";
import { createScheduler, type Scheduler } from "@escapement/core";
import { preferred } from "@escapement/core/internal";
import { eventually } from "@escapement/testing";
import { quiet } from "../cost/quiet.js";
import { queueName } from "../queues/contestant.js";

const patience = 30_000; // ms

/**
 * How long it takes until partitions have another leader when the one that leads most of them is stopped: for each that it led, the ms from the call of `stop()`
 * until another one's lease was seen. Of three nodes of this process with the defaults, each partition led by the one that should lead it.
 *
 * @param redis that of an empty store
 */
export async function leaderMoves(redis: string, partitions: number): Promise<number[]> {
  const scheduler = (): Scheduler =>
    createScheduler({ redis, namespace: queueName, partitions, logger: quiet });
  const [nodes, client] = [[scheduler(), scheduler(), scheduler()], scheduler()];
  try {
    for (const node of nodes) await node.start();
    const ids = nodes.map((node) => idOf(node));
    await eventually(
      async () => {
        const leaders = await leadersOf(client);
        return leaders.every((node, at) =>
          partitions > 1 ? node === preferred(at, ids) : node !== undefined,
        );
      },
      { within: patience },
    );
    const leaders = await leadersOf(client);
    const led = (node: Scheduler): number => leaders.filter((leader) => leader === idOf(node)).length;
    const leaving = nodes.reduce((most, node) => (led(node) > led(most) ? node : most));
    const [former, count] = [idOf(leaving), led(leaving)];
    const stoppedAt = performance.now();
    const stopped = leaving.stop();
    const moved = new Map<number, number>();
    while (moved.size < count) {
      const now = await leadersOf(client);
      const ms = performance.now() - stoppedAt;
      if (ms > patience) throw new Error(`${count - moved.size} partitions had no leader after ${ms} ms`);
      for (const [at, leader] of now.entries())
        if (leaders[at] === former && leader !== undefined && leader !== former && !moved.has(at))
          moved.set(at, ms);
      await pause(1);
    }
    await stopped;
    return [...moved.values()];
  } finally {
    await Promise.all([...nodes, client].map((one) => one.stop()));
  }
}

function idOf({ nodeId = "" }: Scheduler): string {
  return nodeId;
}

/** Who leads each partition. */
async function leadersOf(client: Scheduler): Promise<(string | undefined)[]> {
  const leaders = new Map((await client.leaders()).map(({ partition, node }) => [partition, node]));
  return Array.from({ length: client.partitions }, (_, partition) => leaders.get(partition));
}
