import { createScheduler, readPartitions, type Scheduler } from "@escapement/core";
import { Argument, type Command } from "commander";
import { type GlobalOptions, schedulerOptions } from "../client.js";
import { list } from "../terminal/option-values.js";
import { type Completion, completionOf, type Kind } from "./complete.js";
import { completionScripts, type Shell, shells } from "./completion-scripts.js";

/** Milliseconds that a Tab may take for what the store knows. */
const patience = 800;
/** Most names that one Tab shows. */
const most = 200;

const footer = `
Examples:
  source <(escapement completion bash)                     # in ~/.bashrc
  escapement completion zsh > "\${fpath[1]}/_escapement"
  escapement completion fish > ~/.config/fish/completions/escapement.fish

Ids of jobs, running runs and nodes are completed too, from the namespace that
the line or the environment names; where Redis does not answer at once, none.`;

/** Adds `completion`, and what its scripts call. */
export function addCompletionCommands(program: Command): void {
  program
    .command("completion")
    .description("print a script that lets a shell complete commands, options and ids")
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .addHelpText("after", footer)
    .action((shell: Shell) => void process.stdout.write(completionScripts[shell]));
  program
    .command("complete-words", { hidden: true })
    .requiredOption("--line <line>", "what has been typed")
    .action(async ({ line }: { line: string }, command: Command) => {
      const completion = completionOf(program, line);
      const words = [...completion.words, ...(await namesFor(completion, command.optsWithGlobals()))];
      process.stdout.write(words.map((word) => `${word}\n`).join(""));
    });
}

/** Names of the store that begin as what has been typed; none if it does not answer in time. Never fails: nobody would see why. */
async function namesFor({ kind, typed, given }: Completion, options: GlobalOptions): Promise<string[]> {
  if (kind === undefined || !/^[A-Za-z0-9_.:/@-]*$/.test(typed)) return [];
  const { redis, namespace, partitions } = { ...options, ...given } as GlobalOptions;
  const names: string[] = [];
  let scheduler: Scheduler | undefined;
  try {
    const voters = given["voters"] === undefined ? options.voters : list(given["voters"]);
    const own = { ...(redis && { redis }), ...(namespace && { namespace }), ...(voters && { voters }) };
    const late = new Promise<void>((resolve) => setTimeout(resolve, patience));
    const client = { ...schedulerOptions(own), deadline: patience };
    const stored = partitions === undefined ? await readPartitions(client) : Number(partitions);
    scheduler = createScheduler({ ...client, partitions: stored ?? 1 });
    await Promise.race([collect(scheduler, kind, typed, names), late]);
  } catch {
    // Then there are no names.
  }
  void scheduler?.stop({ timeout: 0 }).catch(() => undefined);
  return names.sort();
}

async function collect(scheduler: Scheduler, kind: Kind, typed: string, names: string[]): Promise<void> {
  if (kind === "job") {
    for await (const { id } of scheduler.jobs({ match: `${typed}*` })) if (names.push(id) >= most) return;
    return;
  }
  const ids =
    kind === "node"
      ? (await scheduler.nodes()).map(({ id }) => id)
      : (await scheduler.activeRuns(most)).map(({ id }) => id);
  names.push(...ids.filter((id) => id.startsWith(typed)));
}
