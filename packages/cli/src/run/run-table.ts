import type { Run } from "@escapement/core";
import { type Colour, type Output, shownDuration } from "../terminal/output.js";
import { paintedTable } from "../terminal/table.js";

const colours: Partial<Record<Run["state"], Colour>> = {
  active: "green",
  failed: "red",
  "timed-out": "red",
  lost: "red",
  missed: "yellow",
  skipped: "grey",
  cancelled: "grey",
};

/** Prints runs: a line each, or as JSON. */
export function tellRuns(output: Output, runs: readonly Run[]): void {
  if (output.json) output.value(runs);
  else if (runs.length === 0) output.text("No runs.");
  else {
    const rows = runs.map((run) => [
      run.id,
      run.state,
      String(run.attempt),
      run.node ?? "-",
      latenessOf(run) ?? "-",
    ]);
    output.text(
      paintedTable(output, ["ID", "STATE", "ATT", "NODE", "LATE"], rows, {
        colour: (row) => colours[runs[row]?.state ?? "ready"],
        below: (row) => whyOf(runs[row]),
      }),
    );
  }
}

function whyOf(run: Run | undefined): string | undefined {
  if (run?.unclaimed) return "no running node has a handler for it";
  const why = run?.error?.message ?? run?.reason;
  return run === undefined || run.count === 1 ? why : `${why ?? run.state}, ${run.count} fire times`;
}

/** How long after its time a run started. */
export function latenessOf({ attempts, scheduledAt }: Run): string | undefined {
  const started = attempts[0]?.startedAt;
  return started === undefined ? undefined : shownDuration(started.getTime() - scheduledAt.getTime());
}
