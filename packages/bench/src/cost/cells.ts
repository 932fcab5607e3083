import type { Named } from "./figures.js";
import type { Cost } from "./measure.js";
import { plus, type Traffic } from "./meter.js";

/** Of {@link trafficCells}. */
export const trafficHead: readonly string[] = ["round trips", "commands", "bytes in", "bytes out"];
/** Of {@link costCells}. */
export const optionHead: readonly string[] = [
  ...["bytes a job", "a waiting run", "an ended run"],
  ...["round trips", "commands", "bytes in", "bytes out"],
  ...["of 100: commands", "of 100: bytes in", "of 100: bytes out"],
];

/** A traffic, without its looks. */
export function trafficCells({ sent, calls, bytesIn, bytesOut }: Traffic): string[] {
  return [short(sent), short(calls), bytes(bytesIn), bytes(bytesOut)];
}

/** A cost, without its name. */
export function costCells({ stored, alone, together }: Cost): string[] {
  const { job, waitingRun, ended } = stored;
  return [
    ...[job, waitingRun, ended].map(storedCell),
    ...trafficCells(alone),
    ...trafficCells(together).slice(1), // the round trips of many are a fraction
  ];
}

/** A traffic and its name. */
export function namedCells({ name, traffic }: Named): string[] {
  return [name, ...trafficCells(traffic)];
}

/** What a cost is more than another. */
export function beyond(cost: Cost, plain: Cost): Cost {
  const { stored } = plain;
  return {
    ...cost,
    alone: plus(cost.alone, plain.alone, -1),
    together: plus(cost.together, plain.together, -1),
    stored: {
      job: cost.stored.job - stored.job,
      waitingRun: cost.stored.waitingRun - stored.waitingRun,
      firstEnded: cost.stored.firstEnded - stored.firstEnded,
      ended: cost.stored.ended - stored.ended,
    },
  };
}

/** Whole from 10 on, one digit below. */
export function short(number: number): string {
  const rounded = Math.abs(number) < 10 ? Math.round(number * 10) / 10 : Math.round(number);
  return String(rounded === 0 ? 0 : rounded);
}

/** A few bytes are chance: Redis draws the levels of what is in its sorted sets. */
function storedCell(number: number): string {
  return bytes(Math.abs(number) <= 4 ? 0 : number);
}

function bytes(number: number): string {
  return short(Math.round(number));
}

/** So that what is nothing does not look like a figure. */
export function dash(cell: string): string {
  return cell === "0" ? "–" : cell;
}

/** A table; figures to the right. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const isText = (index: number): boolean => index === 0 || head[index] === "where from";
  return [head, head.map((_, index) => (isText(index) ? "---" : "---:")), ...rows].map(line).join("\n");
}
