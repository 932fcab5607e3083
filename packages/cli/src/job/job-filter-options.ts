import { type JobFilter, jobStates } from "@escapement/core";
import { type Command, Option } from "commander";

/** Adds the options that say which jobs. */
export function addFilterOptions(command: Command): Command {
  return command
    .option("--match <glob>", "those whose ids fit, such as 'billing/*'")
    .option("--tag <tag>", "those with this tag")
    .option("--queue <queue>", "those of this queue")
    .option("--task <task>", "those of this task")
    .addOption(new Option("--state <state>", "those in this state").choices(jobStates));
}

/** The filter that they make; without a field if none is given. */
export function filterOf({ match, tag, queue, task, state }: JobFilter): JobFilter {
  const all = Object.entries({ match, tag, queue, task, state });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}
