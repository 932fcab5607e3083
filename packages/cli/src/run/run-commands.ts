import type { Command } from "commander";
import { CliError } from "../cli-error.js";
import { withClient } from "../client.js";
import { addRunDeadCommands } from "./run-dead-command.js";
import { addRunEndCommands } from "./run-end-commands.js";
import { addRunEnqueueCommand } from "./run-enqueue-command.js";
import { addRunListCommand } from "./run-list-command.js";
import { addRunLogsCommand } from "./run-logs-command.js";
import { showRun } from "./run-show.js";

const footer = `
Examples:
  escapement run list
  escapement run show "billing/sync@1700000000000"
  escapement run enqueue send-mail --input '{"to":"ada"}' --wait`;

const showFooter = `
Examples:
  escapement run show "billing/sync@1700000000000"
  escapement run show "billing/sync@1700000000000" --json`;

/** Adds `run` and what belongs to it. */
export function addRunCommands(program: Command): void {
  const run = program
    .command("run")
    .description("look at runs, cancel and retry them, queue one by hand")
    .addHelpText("after", footer);
  addRunListCommand(run);
  addRunShowCommand(run);
  addRunLogsCommand(run);
  addRunEnqueueCommand(run);
  addRunEndCommands(run);
  addRunDeadCommands(run);
}

function addRunShowCommand(run: Command): void {
  run
    .command("show <id>")
    .description("one run: its attempts, where they ran, what came of them")
    .addHelpText("after", showFooter)
    .action((id: string, _: unknown, command: Command) =>
      withClient(command, async (client) => {
        const found = await client.scheduler.run(id).get();
        if (found === undefined)
          throw new CliError("RUN_NOT_FOUND", `There is no run ${id}, or it is not kept any more.`);
        showRun(client, found);
      }),
    );
}
