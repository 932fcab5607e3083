import type { ApplyReport, FieldChange, JobChange } from "@escapement/core";
import type { Command } from "commander";
import { type Client, withClient } from "../client.js";
import { type ApplyFlags, applyJobs, checkFlags, tellSetBack } from "../node/apply-jobs.js";
import { loadJobsFile } from "../node/jobs-file.js";
import { type Output, paint } from "../terminal/output.js";
import { printable } from "../terminal/printable.js";

const footer = `
FILE is a jobs file as \`escapement node --jobs\` takes it. Of what it exports
only the jobs are used: its function is not called, so inputs are not checked
against the schemas of its tasks.

Examples:
  escapement job apply jobs.mjs --dry-run
  escapement job apply jobs.mjs --prune-tag reports`;

/** Adds `job apply`. */
export function addJobApplyCommand(job: Command): void {
  job
    .command("apply <file>")
    .description("define the jobs of a file, as a node does that starts with it")
    .option("--prune-tag <tag>", "remove the jobs with this tag that the file does not declare")
    .option("--dry-run", "print what would be done, and do none of it")
    .option("--force-jobs", "apply a set although the store has a newer version of it")
    .addHelpText("after", footer)
    .action(
      async (
        file: string,
        { forceJobs, ...flags }: ApplyFlags & { forceJobs?: boolean },
        command: Command,
      ) => {
        const { jobs } = await loadJobsFile(file);
        const all = { ...flags, force: forceJobs ?? false };
        checkFlags(jobs, all);
        await withClient(command, async (client) =>
          tellReport(client, await applyJobs(client.scheduler, jobs, all)),
        );
      },
    );
}

/** Prints what was applied, or of a dry run what would be. */
export function tellReport({ output }: Client, report: ApplyReport): void {
  const { added, updated, removed, unchanged, changes } = report;
  if (changes === undefined) tellSetBack(report, output);
  if (output.json) {
    output.value(report);
    return;
  }
  if (changes !== undefined) for (const change of changes) output.text(inWords(output, change));
  else {
    for (const id of added) output.text(heading(output, "added", id));
    for (const id of updated) output.text(heading(output, "updated", id));
    for (const id of removed) output.text(heading(output, "removed", id));
  }
  const counts = `${added.length} added, ${updated.length} updated, ${removed.length} removed, ${unchanged.length} unchanged`;
  output.text(changes === undefined ? `${counts}.` : `Dry run, nothing was written: ${counts}.`);
}

const signs = { added: "+", updated: "~", removed: "-" } as const;
const colours = { added: "green", updated: "yellow", removed: "red" } as const;

function heading(output: Output, outcome: JobChange["outcome"], id: string): string {
  return paint(output, colours[outcome], `${signs[outcome]} ${id}`);
}

/** A job and, a line each, the fields of it that change. */
function inWords(output: Output, { id, outcome, fields }: JobChange): string {
  const width = Math.max(0, ...fields.map(({ field }) => field.length));
  const value = ({ from, to }: FieldChange): string => {
    if (outcome === "added") return shown(to);
    return outcome === "removed" ? shown(from) : `${shown(from)} → ${shown(to)}`;
  };
  const lines = fields.map((change) => `    ${change.field.padEnd(width)}  ${printable(value(change))}`);
  return [heading(output, outcome, id), ...lines].join("\n");
}

function shown(value: unknown): string {
  return value === undefined ? "-" : JSON.stringify(value);
}
