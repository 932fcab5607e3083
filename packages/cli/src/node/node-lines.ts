import type { AttemptEvent, Scheduler, SchedulerEvents } from "@escapement/core";
import { type Output, paint, shownDuration } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";

const told = [
  "nodeJoined",
  "nodeLeft",
  "nodeDead",
  "leaderElected",
  "leaderLost",
  "leaderStalled",
  "beforeRun",
  "afterRun",
  "afterError",
  "afterCrash",
  "skipped",
  "missed",
  "lost",
  "lockRefused",
  "completionRefused",
  "jobParked",
  "storeLost",
  "storeRestored",
  "votersLost",
  "votersRestored",
] as const satisfies (keyof SchedulerEvents)[];

type Told = (typeof told)[number];

/** Prints what happens on a node: every event as a line of JSON, or in words. */
export function printEvents(scheduler: Scheduler, output: Output): void {
  for (const event of told) {
    scheduler.on(event, (details) => {
      if (output.json) output.jsonLine({ event, time: new Date(), ...details });
      else {
        const line = inWords(event, details);
        if (line !== undefined) output.text(paintLine(output, event, printableLine(line)));
      }
    });
  }
}

function paintLine(output: Output, event: Told, line: string): string {
  if (event === "afterError" || event === "afterCrash" || event === "lost" || event === "nodeDead")
    return paint(output, "red", line);
  return event === "skipped" || event === "missed" ? paint(output, "yellow", line) : line;
}

function inWords<E extends Told>(event: E, details: SchedulerEvents[E]): string | undefined {
  const {
    node = "-",
    runId = "-",
    reason = "",
    epoch,
    attempt = 1,
  } = details as Partial<AttemptEvent> & { readonly reason?: string; readonly epoch?: number };
  const which = attempt === 1 ? runId : `${runId} attempt ${attempt}`;
  switch (event) {
    case "beforeRun":
      return `start    ${which}, ${shownDuration((details as AttemptEvent).lateness)} late`;
    case "afterRun": {
      const { outcome, duration } = details as SchedulerEvents["afterRun"];
      return `end      ${which}, ${outcome} after ${shownDuration(duration)}`;
    }
    case "afterError":
    case "afterCrash":
      return `error    ${which}: ${(details as SchedulerEvents["afterError"]).error.message}`;
    case "leaderElected":
      return `leads    ${node}, term ${epoch}`;
    case "leaderLost":
      return `leads    no more: ${reason}`;
    case "skipped":
    case "missed":
      return `${event.padEnd(8)} ${runId}: ${reason}`;
    case "nodeJoined":
    case "nodeLeft":
      return undefined; // said by the command itself
    default:
      return `${event} ${runId === "-" ? node : runId} ${reason}`.trimEnd();
  }
}
