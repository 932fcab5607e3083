import { type Evidence, percentile, type Tally } from "./evidence.js";

/** When what happened, in ms since 1970. */
export interface Course {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly killedAt: number | undefined;
  /** When another leader was there. */
  readonly succeededAt: number | undefined;
}

/** The end of the show, in words. */
export function summarise(evidence: Evidence, tally: Tally, course: Course): string {
  const { startedAt, endedAt, killedAt, succeededAt } = course;
  const rows: [string, string][] = [
    ["fire times expected", String(tally.expected)],
    ["started", String(tally.started)],
    ["missed", listed(tally.missed)],
    ["started twice", listed(tally.twice)],
    ["skipped by policy", String(tally.skipped)],
    ["tried again", `${tally.again}${tally.again > 0 ? " (lost with the killed node)" : ""}`],
  ];
  if (killedAt === undefined) rows.push(["lateness", lateness(evidence, startedAt, endedAt)]);
  else {
    const after =
      succeededAt === undefined ? "not yet" : `${((succeededAt - killedAt) / 1000).toFixed(1)} s later`;
    rows.push(["lateness before the kill", lateness(evidence, startedAt, killedAt)]);
    rows.push(["lateness after the kill", lateness(evidence, killedAt, endedAt + 1)]);
    rows.push(["another leader", after]);
  }
  const lines = rows.map(([name, value]) => `  ${name.padEnd(24)}  ${value}`);
  return `\nSummary of ${((endedAt - startedAt) / 1000).toFixed(0)} s\n${lines.join("\n")}\n`;
}

function listed(ids: readonly string[]): string {
  return ids.length === 0
    ? "0"
    : `${ids.length} (${ids.slice(0, 5).join(", ")}${ids.length > 5 ? ", …" : ""})`;
}

function lateness(evidence: Evidence, from: number, until: number): string {
  const all = evidence.lateness(from, until);
  if (all.length === 0) return "none started";
  return `p50 ${percentile(all, 0.5)} ms, p99 ${percentile(all, 0.99)} ms, max ${all.at(-1)} ms`;
}
