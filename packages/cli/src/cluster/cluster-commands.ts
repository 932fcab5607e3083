import type { Finding } from "@escapement/core";
import type { Command } from "commander";
import { type Client, withClient } from "../client.js";
import { paint } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";
import { addEventsCommand } from "./events-command.js";
import { addLeaderCommand } from "./leader-command.js";
import { addNextCommand } from "./next-command.js";
import { addNodesCommands } from "./nodes-commands.js";
import { addTopCommand } from "./top-command.js";

const footer = `
Examples:
  escapement doctor
  escapement doctor --json | jq '.[] | select(.level != "ok")'`;

/** Adds `nodes`, `leader`, `events`, `next`, `top` and `doctor`. */
export function addClusterCommands(program: Command): void {
  addNodesCommands(program);
  addLeaderCommand(program);
  addEventsCommand(program);
  addNextCommand(program);
  addTopCommand(program);
  program
    .command("doctor")
    .description("what could keep runs from starting; exit code 1 if something does")
    .addHelpText("after", footer)
    .action((_: unknown, command: Command) => withClient(command, examine));
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
