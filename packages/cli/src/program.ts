import { Command, Option } from "commander";
import { report } from "./cli-error.js";
import { addClusterCommands } from "./cluster/cluster-commands.js";
import { addCompletionCommands } from "./completion/completion-command.js";
import { addCrontabCommands } from "./crontab/crontab-commands.js";
import { addJobCommands } from "./job/job-commands.js";
import { addNodeCommand } from "./node/node-command.js";
import { addPauseCommands } from "./pause/pause-commands.js";
import { addResumeCommand } from "./pause/resume-command.js";
import { addRunCommands } from "./run/run-commands.js";
import { count, list } from "./terminal/option-values.js";
import { processOutput } from "./terminal/output.js";
import { version } from "./version.js";

const footer = `
Exit code: 0 done, 1 failed, 2 the command line or a file it names is wrong.
An error is one line on standard error; with --json it is also an object
{"error":{"code","message"}} on standard output.`;

/** The command line with all its commands. */
export function createProgram(): Command {
  const program = new Command("escapement")
    .description("Run nodes of an Escapement cluster, and look at its jobs and runs.")
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .addOption(new Option("--redis <url>", "the job store").env("ESCAPEMENT_REDIS_URL"))
    .addOption(
      new Option("--namespace <name>", "whoever shares it shares the jobs").env("ESCAPEMENT_NAMESPACE"),
    )
    .addOption(
      new Option("--partitions <n>", "over how many the namespace is spread (default: as it says, or 1)")
        .env("ESCAPEMENT_PARTITIONS")
        .argParser((text) => (text.trim() === "" ? undefined : count(text))),
    )
    .addOption(
      new Option(
        "--voters <urls>",
        "1, 3 or 5 independent Redis masters that vote on locks, with commas between",
      )
        .env("ESCAPEMENT_VOTERS")
        .argParser((text) => (text.trim() === "" ? [] : list(text))),
    )
    .option("--json", "JSON on standard output")
    .addHelpText("after", footer);
  addNodeCommand(program);
  addJobCommands(program);
  addRunCommands(program);
  addPauseCommands(program);
  addResumeCommand(program);
  addClusterCommands(program);
  addCrontabCommands(program);
  addCompletionCommands(program);
  return program;
}

/**
 * Carries out one command line.
 *
 * @param args what follows the command's name
 * @returns the exit code
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error, processOutput(args.includes("--json")));
  }
}
