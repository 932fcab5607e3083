import { type MoveProgress, movePartitions, readPartitions } from "@escapement/core";
import { Argument, type Command } from "commander";
import { CliError } from "../cli-error.js";
import { explained, type GlobalOptions, schedulerOptions } from "../client.js";
import { count } from "../terminal/option-values.js";
import { processOutput } from "../terminal/output.js";
import { StopWatch } from "./stop-watch.js";

const footer = `
With a number the namespace is moved to so many partitions. Stop all its nodes
and clients before: it is refused while a node is alive. All jobs and runs are
kept. Until it is done everybody else is refused; after Ctrl-C, a crash or an
error the same command does the rest, and one with the old number goes back.
The user needs a node's rules (see "escapement acl node --partitions 256") and
+scan.

Examples:
  escapement partitions
  escapement partitions 8`;

/** Adds `partitions`. */
export function addPartitionsCommand(program: Command): void {
  program
    .command("partitions")
    .description("over how many partitions the namespace is spread; with a number: move it")
    .addArgument(new Argument("[number]", "how many there are to be").argParser(count))
    .addHelpText("after", footer)
    .action(async (to: number | undefined, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      try {
        await (to === undefined ? show(options) : move(options, to));
      } catch (error) {
        throw explained(error, options);
      }
    });
}

const named = ({ namespace = "default" }: GlobalOptions): string => namespace;
const inWords = (number: number): string => (number === 1 ? "1 partition" : `${number} partitions`);

async function show(options: GlobalOptions): Promise<void> {
  const output = processOutput(options.json ?? false);
  const partitions = await readPartitions(schedulerOptions(options));
  if (partitions === undefined)
    throw new CliError(
      "NAMESPACE_NOT_FOUND",
      `There is nothing in namespace ${named(options)} yet: whoever first writes there says how many partitions it has.`,
    );
  if (output.json) output.value({ namespace: named(options), partitions });
  else output.text(`Namespace ${named(options)} has ${inWords(partitions)}.`);
}

async function move(options: GlobalOptions, to: number): Promise<void> {
  using stop = new StopWatch();
  const output = processOutput(options.json ?? false);
  let last = "";
  const onProgress = ({ step, partition }: MoveProgress): void => {
    const said = `${step}: partition ${partition}`;
    if (said !== last) output.note(said);
    last = said;
  };
  const { signal } = stop;
  const report = await movePartitions(schedulerOptions(options), { to, signal, onProgress });
  if (output.json) output.value({ namespace: named(options), ...report });
  else if (report.keys === 0) output.text(`Namespace ${named(options)} has ${inWords(to)} already.`);
  else output.text(`Namespace ${named(options)} has ${inWords(to)} now.`);
}
