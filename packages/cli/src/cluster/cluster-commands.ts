import type { Command } from "commander";
import { type Client, withClient } from "../client.js";
import { paint } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";
import { wrap } from "../terminal/width.js";
import { addAclCommand } from "./acl-command.js";
import { addEventsCommand } from "./events-command.js";
import { addLeaderCommand } from "./leader-command.js";
import { addNextCommand } from "./next-command.js";
import { addNodesCommands } from "./nodes-commands.js";
import { addPartitionsCommand } from "./partitions-command.js";
import { addTopCommand } from "./top-command.js";

const footer = `
Examples:
  escapement doctor
  escapement doctor --strict
  escapement doctor --json | jq '.[] | select(.level != "ok")'`;

/** Adds `nodes`, `leader`, `events`, `next`, `top`, `doctor`, `partitions` and `acl`. */
export function addClusterCommands(program: Command): void {
  addNodesCommands(program);
  addLeaderCommand(program);
  addEventsCommand(program);
  addNextCommand(program);
  addTopCommand(program);
  program
    .command("doctor")
    .description("what could keep runs from starting; exit code 1 if something does")
    .option("--strict", "exit code 1 for a warning too: a risk, or something that somebody should know of")
    .addHelpText("after", footer)
    .action((options: { strict?: boolean }, command: Command) =>
      withClient(command, (client) => examine(client, options.strict ?? false), { anyhow: true }),
    );
  addPartitionsCommand(program);
  addAclCommand(program);
}

const indent = `\n${" ".repeat(9)}`;
const colourOf = { ok: "green", warning: "yellow", error: "red" } as const;

async function examine({ scheduler, output }: Client, strict: boolean): Promise<void> {
  const findings = await scheduler.doctor();
  const failed = findings.some(({ level }) => level === "error" || (strict && level === "warning"));
  if (output.json) output.value(findings);
  else
    for (const { check, level, message } of findings)
      output.text(
        `${paint(output, colourOf[level], level.padEnd(7))}  ${wrap(`${printableLine(check)}: ${printableLine(message)}`, 71).replaceAll("\n", indent)}`,
      );
  if (failed) process.exitCode = 1;
}
