import type { Command } from "commander";
import { addJobAddCommands } from "./job-add-command.js";
import { addJobApplyCommand } from "./job-apply-command.js";
import { addJobBackfillCommand } from "./job-backfill-command.js";
import { addJobHistoryCommand } from "./job-history-command.js";
import { addJobListCommand } from "./job-list-command.js";
import { addJobNextCommand } from "./job-next-command.js";
import { addJobRemoveCommand } from "./job-remove-command.js";
import { addJobRunCommand } from "./job-run-command.js";
import { addJobShowCommand } from "./job-show-command.js";

const footer = `
Examples:
  escapement job list --state paused
  escapement job add sync --task sync --every 90s
  escapement job run sync --wait`;

/** Adds `job` and what belongs to it. */
export function addJobCommands(program: Command): void {
  const job = program
    .command("job")
    .description("look at jobs, run them now, define, change and remove them")
    .addHelpText("after", footer);
  addJobListCommand(job);
  addJobShowCommand(job);
  addJobAddCommands(job);
  addJobRunCommand(job);
  addJobNextCommand(job);
  addJobHistoryCommand(job);
  addJobBackfillCommand(job);
  addJobApplyCommand(job);
  addJobRemoveCommand(job);
}
