import type { Run } from "@escapement/core";
import { type Colour, type Output, paint, shownDuration } from "./output.js";
import { paintedTable } from "./table.js";

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
      run.error?.message ?? run.reason ?? "",
    ]);
    output.text(
      paintedTable(output, ["ID", "STATE", "ATT", "NODE", "LATE", "WHY"], rows, (row) => {
        const state = runs[row]?.state;
        return state === undefined ? undefined : colours[state];
      }),
    );
  }
}

/** A run's state in its colour. */
export function paintedState(output: Output, state: Run["state"]): string {
  const colour = state === "succeeded" ? "green" : colours[state];
  return colour === undefined ? state : paint(output, colour, state);
}

/** How long after its time a run started. */
export function latenessOf({ attempts, scheduledAt }: Run): string | undefined {
  const started = attempts[0]?.startedAt;
  return started === undefined ? undefined : shownDuration(started.getTime() - scheduledAt.getTime());
}
