import type { ActiveRun, ComingFireTime, ListedNode, PauseInfo } from "@escapement/core";
import { type Output, paint, shownDate, shownDuration } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";
import { shownSpan } from "../terminal/spans.js";
import { table } from "../terminal/table.js";
import { fit } from "../terminal/width.js";
import { pauseInWords } from "./event-words.js";
import { stateOf } from "./nodes-commands.js";
import type { Rates, TopState } from "./top-state.js";

/** Lines that are about a cluster, none wider than `columns`. @param rows of each part at most */
export function topLines(output: Output, state: TopState, rows: number, columns: number): string[] {
  const { load, leader, nodes, active, pauses, next } = state;
  const width = (text: string): string => fit(text, columns).trimEnd();
  const heading = (text: string): string => paint(output, "bold", width(text));
  const led =
    leader === undefined ? "no leader" : `${printableLine(leader.node)} leads in term ${leader.epoch}`;
  const late = load.lag >= 1000 ? `lag ${shownDuration(load.lag)}` : "no lag";
  return [
    heading(`${state.namespace}  ${shownDate(load.at)}`),
    leader === undefined ? paint(output, "red", led) : width(led),
    width(
      `runs: ${load.waiting} waiting, ${load.due} due, ${load.active} active, ${load.held} held, ${load.paused} paused; jobs: ${load.jobs}`,
    ),
    width(`${ratesInWords(state.rates)}; ${load.deadLetters} dead letters`),
    load.lag >= 1000 ? paint(output, "red", late) : late,
    ...pausesOf(output, pauses, rows, columns),
    "",
    ...part(nodeTable(nodes.slice(0, rows), columns), nodes.length, rows, "nodes"),
    "",
    ...part(runTable(active, load.at, columns), load.active, active.length, "running"),
    "",
    ...(next === undefined ? ["next fire times: being read"] : nextLines(next, load.at, columns)),
  ].map((line) => line.trimEnd());
}

function ratesInWords({ seconds, started, succeeded, failed }: Rates): string {
  const each = (count: number): string => (seconds < 0.1 ? "-" : (count / seconds).toFixed(1));
  return `per second: ${each(started)} started, ${each(succeeded)} succeeded, ${each(failed)} failed`;
}

function pausesOf(
  output: Output,
  pauses: readonly PauseInfo[] | undefined,
  rows: number,
  columns: number,
): string[] {
  if (pauses === undefined || pauses.length === 0) return [];
  const lines = pauses
    .slice(0, rows)
    .map((pause) => fit(`paused ${printableLine(pauseInWords(pause))}`, columns).trimEnd());
  if (pauses.length > rows) lines.push(`and ${pauses.length - rows} other pauses`);
  return lines.map((line) => paint(output, "yellow", line));
}

/** A table's lines, and how many rows it does not have. */
function part(text: string, all: number, shown: number, what: string): string[] {
  const lines = text.trimEnd().split("\n");
  return all > shown ? [...lines, `and ${all - shown} other ${what}`] : lines;
}

function nodeTable(nodes: readonly ListedNode[], columns: number): string {
  if (nodes.length === 0) return "No nodes.";
  const rows = nodes.map((node) => [
    node.id,
    node.leads.length > 0 && node.alive ? `${stateOf(node)}, leads` : stateOf(node),
    `${node.active}/${node.concurrency}`,
    `${node.host}:${node.pid}`,
  ]);
  return table(["NODE", "STATE", "RUNS", "HOST:PID"], rows, columns);
}

function runTable(runs: readonly ActiveRun[], now: Date, columns: number): string {
  if (runs.length === 0) return "Nothing runs.";
  const rows = runs.map(({ id, attempt, node, startedAt }) => [
    id,
    shownSpan(now.getTime() - startedAt.getTime()),
    String(attempt),
    node,
  ]);
  return table(["RUNNING", "FOR", "ATTEMPT", "NODE"], rows, columns);
}

function nextLines(next: readonly ComingFireTime[], now: Date, columns: number): string[] {
  const coming = next.filter(({ at }) => at.getTime() > now.getTime());
  if (coming.length === 0) return ["No fire time is to come."];
  const rows = coming.map(({ at, jobId, pauses }) => [
    jobId,
    shownSpan(at.getTime() - now.getTime()),
    pauses.length === 0 ? "-" : "paused",
  ]);
  return table(["NEXT", "IN", "STATE"], rows, columns).trimEnd().split("\n");
}
