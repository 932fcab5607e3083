import type { JobFilter, PauseTarget } from "@escapement/core";
import type { Client } from "../client.js";
import { printableLine } from "../terminal/printable.js";

/**
 * That a target names nothing that there is now, in words: a misspelt name, or another namespace than was meant, pauses nothing, and
 * nothing else would tell.
 */
export async function namesNothing(client: Client, target: PauseTarget): Promise<string | undefined> {
  const { scheduler } = client;
  if (target === "all")
    return (await nodesAre(client, () => true)) || (await jobsAre(client, {}))
      ? undefined
      : `there is no job and no node in namespace ${scheduler.namespace} now`;
  if ("job" in target)
    return (await scheduler.job(target.job).get()) === undefined
      ? `there is no job ${printableLine(target.job)} now`
      : undefined;
  if ("tag" in target)
    return (await jobsAre(client, { tag: target.tag })) ? undefined : `no job has the tag ${target.tag} now`;
  if ("node" in target)
    return (await nodesAre(client, ({ id }) => id === target.node))
      ? undefined
      : `there is no node ${target.node} now`;
  if ("queue" in target) {
    const { queue } = target;
    return (await nodesAre(client, ({ queues }) => queues.includes(queue))) ||
      (await jobsAre(client, { queue }))
      ? undefined
      : `no job is in the queue ${queue} now, and no node serves it`;
  }
  const { task } = target;
  return (await nodesAre(client, ({ tasks }) => tasks.includes(task))) || (await jobsAre(client, { task }))
    ? undefined
    : `no job is of the task ${task} now, and no node has it`;
}

type Node = Awaited<ReturnType<Client["scheduler"]["nodes"]>>[number];

async function nodesAre({ scheduler }: Client, fits: (node: Node) => boolean): Promise<boolean> {
  return (await scheduler.nodes()).some(fits);
}

async function jobsAre({ scheduler }: Client, filter: JobFilter): Promise<boolean> {
  for await (const _ of scheduler.jobs(filter)) return true;
  return false;
}
