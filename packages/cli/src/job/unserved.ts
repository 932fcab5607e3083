import type { Client } from "../client.js";

/**
 * Why no run of a task would start now, for want of a node; `undefined` if one would take it. Between two deploys that may be as it
 * should be, so it is told, and nothing is refused.
 */
export async function unserved(
  { scheduler }: Client,
  task: string,
  queue: string,
): Promise<string | undefined> {
  const workers = (await scheduler.nodes()).filter(({ alive, roles }) => alive && roles.includes("worker"));
  if (workers.length === 0) return "no node with the role worker is running";
  const serving = workers.filter(({ tasks, queues }) => tasks.includes(task) && queues.includes(queue));
  if (serving.length > 0) {
    const paused = new Set((await scheduler.pauses()).map(({ target }) => target));
    return serving.every(({ id }) => paused.has(`node:${id}`))
      ? "each node that could run it is drained"
      : undefined;
  }
  return workers.some(({ tasks }) => tasks.includes(task))
    ? `no running node that has the task ${task} serves the queue ${queue}`
    : `no running node has a handler for the task ${task}`;
}
