import type { GroupReport } from "@escapement/core";
import type { Output } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";

/**
 * Tells what was done with many jobs, a line each, and how many they were. Exit code 1 if it failed with any.
 *
 * @param did what was done, such as `Removed`
 */
export function tellGroup(output: Output, { done, failed, ...more }: GroupReport, did: string): void {
  const problems = failed.map(({ id, error }) => ({ id, message: error.message }));
  if (output.json) output.value({ ...more, done: done.toSorted(), failed: problems });
  else {
    for (const id of done.toSorted()) output.text(`${did} ${printableLine(id)}.`);
    output.text(`${did} ${done.length} ${done.length === 1 ? "job" : "jobs"}.`);
  }
  for (const { id, message } of problems) output.note(`escapement: ${id}: ${message}`);
  if (problems.length > 0) process.exitCode = 1;
}
