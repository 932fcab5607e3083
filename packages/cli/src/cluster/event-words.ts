import type { SchedulerEvent } from "@escapement/core";
import { type Output, paint, shownDate, shownDuration } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";

type Colour = Parameters<typeof paint>[1];

const colours: Readonly<Record<string, Colour>> = {
  lost: "red",
  nodeDead: "red",
  jobParked: "red",
  autoPaused: "red",
  pausedTooLong: "red",
  gap: "red",
  skipped: "yellow",
  missed: "yellow",
  mended: "yellow",
  paused: "yellow",
  leaderElected: "green",
  leaderLost: "yellow",
};

/** An event in one line: when, its type, and what it is about, in words. */
export function eventLine(output: Output, event: SchedulerEvent): string {
  const line = `${shownDate(event.at)}  ${printableLine(event.type).padEnd(13)}  ${printableLine(inWords(event))}`;
  const colour = colourOf(event);
  return colour === undefined ? line : paint(output, colour, line.trimEnd());
}

function colourOf(event: SchedulerEvent): Colour | undefined {
  if (event.type !== "afterRun") return colours[event.type];
  return event.outcome === "succeeded" ? undefined : "red";
}

function inWords(event: SchedulerEvent): string {
  switch (event.type) {
    case "beforeRun":
      return `${attemptOf(event)} on ${event.node}`;
    case "afterRun":
      return because(
        `${attemptOf(event)} ${event.outcome}${lasted(event)} on ${event.node}${retried(event)}`,
        event,
      );
    case "lost":
      return because(`${attemptOf(event)} on ${event.node}${retried(event)}`, event);
    case "skipped":
      return because(event.runId, event);
    case "missed": {
      const others = event.count > 1 ? ` and ${event.count - 1} fire times after it` : "";
      return because(`${event.runId}${others}`, event);
    }
    case "leaderElected":
    case "leaderLost":
      return `${event.node}, term ${event.epoch}`;
    case "mended":
      return `${event.subject}: ${event.what}`;
    case "resumed":
      return event.target;
    case "gap":
      return "what came before this is not all kept any more";
    case "nodeJoined":
    case "nodeLeft":
    case "nodeDead":
      return event.node;
    case "jobAdded":
    case "jobUpdated":
    case "jobRemoved":
    case "jobExhausted":
    case "jobParked":
      return event.jobId;
    case "paused":
    case "pausedTooLong":
      return pauseInWords(event);
    default:
      return fieldsOf(event);
  }
}

/** A pause: what it holds back, why, who set it and until when. */
export function pauseInWords(pause: {
  readonly target: string;
  readonly reason?: string;
  readonly by?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}): string {
  const { target, reason, by, since, until } = pause;
  const details = [
    by === undefined ? "" : `by ${by}`,
    since === undefined ? "" : `since ${shownDate(since)}`,
    until === undefined ? "" : `until ${shownDate(until)}`,
  ].filter((text) => text !== "");
  const behind = details.length === 0 ? "" : ` (${details.join(", ")})`;
  return `${target}${reason === undefined || reason === "" ? "" : `: ${reason}`}${behind}`;
}

function attemptOf({ runId, attempt }: { readonly runId: string; readonly attempt: number }): string {
  return attempt > 1 ? `${runId} attempt ${attempt}` : runId;
}

function lasted({
  startedAt,
  finishedAt,
}: {
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date;
}): string {
  return startedAt === undefined ? "" : ` after ${shownDuration(finishedAt.getTime() - startedAt.getTime())}`;
}

function retried({ retry }: { readonly retry: boolean }): string {
  return retry ? ", another attempt follows" : "";
}

function because(text: string, { reason }: { readonly reason: string | undefined }): string {
  return reason === undefined ? text : `${text}: ${reason}`;
}

/** What an event says that this version does not know: all its fields. */
function fieldsOf(event: object): string {
  return Object.entries(event)
    .filter(([name, value]) => !["type", "id", "at"].includes(name) && value !== undefined)
    .map(([name, value]) => `${name}=${shownValue(value)}`)
    .join(" ");
}

function shownValue(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === "bigint") return value.toString();
  return value instanceof Date ? value.toISOString() : JSON.stringify(value);
}
