import type { ListedNode } from "@escapement/core";
import type { Command } from "commander";
import { CliError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { printableLine } from "../terminal/printable.js";
import { table } from "../terminal/table.js";
import { wrap } from "../terminal/width.js";
import { pauseInWords } from "./event-words.js";

const listFooter = `
Examples:
  escapement nodes
  escapement nodes drain 7Kd2xQpL --reason "new kernel" --for 2h
  escapement nodes undrain 7Kd2xQpL`;

const drainFooter = `
A drained node takes no further runs; what runs on it goes on, and it may lead:
"escapement leader --resign" lets another one. A process that is started anew is
another node, and is not drained.

Examples:
  escapement nodes drain 7Kd2xQpL --reason "new kernel"
  escapement nodes drain 7Kd2xQpL --for 30m`;

const undrainFooter = `
Example:
  escapement nodes undrain 7Kd2xQpL`;

interface DrainOptions {
  readonly reason: string;
  readonly for?: string;
  readonly force?: boolean;
}

/** Adds `nodes`, which lists, `nodes drain` and `nodes undrain`. */
export function addNodesCommands(program: Command): void {
  const nodes = program
    .command("nodes")
    .description("the nodes that run, and dead ones whose runs are not all taken over")
    .addHelpText("after", listFooter)
    .action((_: unknown, command: Command) => withClient(command, listNodes));
  nodes
    .command("drain <id>")
    .description("keep a node from taking further runs; what runs on it goes on")
    .option("--reason <text>", "why, for whoever finds it", "drained")
    .option("--for <duration>", "it ends by itself after so long")
    .option("--force", "also if there is no such node")
    .addHelpText("after", drainFooter)
    .action((id: string, options: DrainOptions, command: Command) =>
      withClient(command, (client) => drain(client, id, options)),
    );
  nodes
    .command("undrain <id>")
    .description("let a drained node take runs again")
    .addHelpText("after", undrainFooter)
    .action((id: string, _: unknown, command: Command) =>
      withClient(command, (client) => undrain(client, id)),
    );
}

async function listNodes({ scheduler, output }: Client): Promise<void> {
  const nodes = await scheduler.nodes();
  nodes.sort((one, other) => one.startedAt.getTime() - other.startedAt.getTime());
  if (output.json) {
    output.value(nodes.map((node) => ({ ...node, leader: node.leads.length > 0 })));
    return;
  }
  if (nodes.length === 0) {
    output.text("No nodes.");
    return;
  }
  const rows = nodes.map((node) => [
    node.id,
    stateOf(node),
    leadsOf(node, scheduler.partitions),
    `${node.host}:${node.pid}`,
    `${node.active}/${node.concurrency}`,
    node.queues.join(","),
    node.tasks.join(","),
  ]);
  output.text(table(["ID", "STATE", "LEADER", "HOST:PID", "RUNS", "QUEUES", "TASKS"], rows));
  for (const { pause } of nodes)
    if (pause !== undefined) output.text(wrap(printableLine(`drained ${pauseInWords(pause)}`), 80, 2));
}

/** Whether it leads, and which partitions, if there are several. */
function leadsOf({ leads }: ListedNode, partitions: number): string {
  if (leads.length === 0) return "-";
  return partitions === 1 ? "leads" : leads.join(",");
}

/** What people are told of a node. */
export function stateOf({ alive, pause }: Pick<ListedNode, "alive" | "pause">): string {
  if (!alive) return "dead";
  return pause === undefined ? "alive" : "draining";
}

async function drain({ scheduler, output }: Client, id: string, options: DrainOptions): Promise<void> {
  const node = (await scheduler.nodes()).find((one) => one.id === id);
  if (node === undefined && !options.force)
    throw new CliError(
      "NODE_NOT_FOUND",
      `There is no node ${id} in namespace ${scheduler.namespace}; "escapement nodes" lists them. To set the pause all the same, give --force.`,
    );
  const { reason } = options;
  await scheduler.pause({ node: id }, { reason, ...(options.for === undefined ? {} : { for: options.for }) });
  const active = node?.active ?? 0;
  if (output.json) output.value({ id, draining: true, active });
  else
    output.text(`Node ${id} takes no further runs; ${active === 0 ? "none runs" : `${active} run`} on it.`);
}

async function undrain({ scheduler, output }: Client, id: string): Promise<void> {
  if (!(await scheduler.resume({ node: id })))
    throw new CliError("NODE_NOT_DRAINED", `Node ${id} is not drained in namespace ${scheduler.namespace}.`);
  if (output.json) output.value({ id, draining: false });
  else output.text(`Node ${id} takes runs again.`);
}
