import type { Finding } from "@escapement/core";
import type { Command } from "commander";
import { CliError } from "./cli-error.js";
import { type Client, withClient } from "./client.js";
import { paint, shownDate } from "./output.js";
import { printableLine } from "./printable.js";
import { table } from "./table.js";

/** Adds `nodes`, `leader` and `doctor`. */
export function addClusterCommands(program: Command): void {
  program
    .command("nodes")
    .description("the nodes that run, and dead ones whose runs are not all taken over")
    .action((_: unknown, command: Command) => withClient(command, listNodes));
  program
    .command("leader")
    .description("the node that leads; exit code 1 if none does")
    .action((_: unknown, command: Command) => withClient(command, showLeader));
  program
    .command("doctor")
    .description("what could keep runs from starting; exit code 1 if something does")
    .action((_: unknown, command: Command) => withClient(command, examine));
}

async function listNodes({ scheduler, output }: Client): Promise<void> {
  const [nodes, leader] = await Promise.all([scheduler.nodes(), scheduler.leader()]);
  nodes.sort((one, other) => one.startedAt.getTime() - other.startedAt.getTime());
  if (output.json) output.value(nodes.map((node) => ({ ...node, leader: node.id === leader?.node })));
  else if (nodes.length === 0) output.text("No nodes.");
  else {
    const rows = nodes.map((node) => [
      node.id,
      node.alive ? "alive" : "dead",
      node.id === leader?.node ? "leads" : "-",
      `${node.host}:${node.pid}`,
      `${node.active}/${node.concurrency}`,
      node.queues.join(","),
      node.tasks.join(","),
    ]);
    output.text(table(["ID", "STATE", "LEADER", "HOST:PID", "RUNS", "QUEUES", "TASKS"], rows));
  }
}

async function showLeader({ scheduler, output }: Client): Promise<void> {
  const leader = await scheduler.leader();
  if (leader === undefined)
    throw new CliError(
      "NO_LEADER",
      "No node leads. Is one with the role leader running? An election takes seconds.",
    );
  if (output.json) output.value(leader);
  else {
    const { node, epoch, leaseUntil } = leader;
    output.text(`${printableLine(node)} leads in term ${epoch}, lease until ${shownDate(leaseUntil)}`);
  }
}

const colourOf = { ok: "green", warning: "yellow", error: "red" } as const;

async function examine({ scheduler, output }: Client): Promise<void> {
  const findings = await scheduler.doctor();
  const failed = findings.some(({ level }) => level === "error");
  if (output.json) output.value(findings);
  else
    for (const { check, level, message } of findings)
      output.text(`${paint(output, colourOf[level], level.padEnd(7))}  ${wrapped(check, message)}`);
  if (failed) process.exitCode = 1;
}

/** A finding in lines of 80 characters. */
function wrapped(check: Finding["check"], message: string): string {
  const indent = " ".repeat(9);
  let line = `${printableLine(check)}:`;
  const lines: string[] = [];
  for (const word of printableLine(message).split(" ")) {
    if (line.length + word.length + 1 > 80 - indent.length) {
      lines.push(line);
      line = word;
    } else line += ` ${word}`;
  }
  return [...lines, line].join(`\n${indent}`);
}
