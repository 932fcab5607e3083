// Evidence of a namespace of several partitions, taken apart: within each of them all holds that holds for a namespace with one.
import type { Evidence } from "../../evidence/evidence.js";
import { partitionOf, partitionOfKey, partitionOfRun } from "../../partitions.js";
import type { Operation } from "../../workload/operations.js";
import { factsOf } from "../case.js";
import { oneByOne, tokenIn } from "./told.js";

/** Over how many partitions the namespace is spread. */
export function partitionsIn(evidence: readonly Evidence[]): number {
  return evidence.find((line) => line.kind === "trial")?.partitions ?? 1;
}

/** The evidence as it is, with tokens that tell attempts of different partitions apart. */
export function distinct(evidence: readonly Evidence[]): readonly Evidence[] {
  const partitions = partitionsIn(evidence);
  if (partitions === 1) return evidence;
  return evidence.map((line) =>
    "token" in line ? { ...line, token: tokenIn(line.token, partitionOfRun(line.run, partitions)) } : line,
  );
}

/**
 * The evidence of each partition alone, as it would be if there were no other: what is told and looked at there, of its jobs and runs. Pauses, faults and
 * nodes are of all. What is of the whole trial, such as what the doctor finds, is of none.
 */
export function splitEvidence(evidence: readonly Evidence[]): Evidence[][] {
  const partitions = partitionsIn(evidence);
  const parts = Array.from({ length: partitions }, (): Evidence[] => []);
  const places = Array.from({ length: partitions }, (_, partition) => partition);
  const asked = new Map<number, readonly number[]>(); // operation → partitions that it is about
  const put = (line: Evidence, own: readonly number[] = places): void => {
    for (const partition of own) parts[partition]?.push(line);
  };
  for (const line of evidence) {
    switch (line.kind) {
      case "told":
      case "unkept":
      case "leases":
      case "store":
      case "elected": {
        const { partition = 0, ...own } = line;
        put(own, [partition]);
        break;
      }
      case "trial":
        for (const partition of places) put({ ...line, partition }, [partition]);
        break;
      case "operation": {
        const own = places.flatMap((partition) => {
          const does = partOf(line.does, partition, partitions);
          if (does !== undefined) put({ ...line, does }, [partition]);
          return does === undefined ? [] : [partition];
        });
        asked.set(line.op, own);
        break;
      }
      case "answer":
        put(line, asked.get(line.op));
        break;
      case "fault":
        put(line, befallenBy(line, places));
        break;
      case "event":
        put(line, partitionsOf(line, places));
        break;
      case "up":
      case "doctor":
      case "memory":
      case "stopped":
        break;
      default:
        put(line, "run" in line ? [partitionOfRun(line.run, partitions)] : places);
    }
  }
  return parts.map((part) => withNames(part, evidence));
}

/** What an operation asks of one partition; `undefined`: nothing. Pauses hold in all. */
function partOf(does: Operation, partition: number, partitions: number): Operation | undefined {
  const isHere = (id: string): boolean => partitionOf(id, partitions) === partition;
  switch (does.do) {
    case "define": {
      const jobs = does.jobs.filter(({ id }) => isHere(id));
      return jobs.length === 0 ? undefined : { ...does, jobs };
    }
    case "enqueue": {
      const runs = does.runs.filter(({ id = "" }) => isHere(id));
      return runs.length === 0 ? undefined : { ...does, runs };
    }
    case "cancel":
      return partitionOfRun(does.run, partitions) === partition ? does : undefined;
    case "update":
    case "remove":
    case "run-now":
    case "stale-write":
      return isHere(does.job) ? does : undefined;
    default:
      return does;
  }
}

/** The partitions that a fault may have befallen: a key that was deleted is of one. */
function befallenBy(
  { fault, proof }: Extract<Evidence, { kind: "fault" }>,
  places: readonly number[],
): readonly number[] {
  const isOfKey = /^(leader|node)-lease-deleted$/.test(fault) && proof !== "";
  return isOfKey ? [partitionOfKey(proof)] : places;
}

/** The partitions of which a node told something. */
function partitionsOf(
  { event, details }: Extract<Evidence, { kind: "event" }>,
  places: readonly number[],
): readonly number[] {
  if (event === "crashed") return [];
  const { partition = 0, runId } = (details ?? {}) as { partition?: number; runId?: string };
  if (event.startsWith("leader")) return [partition];
  return runId === undefined ? places : [partitionOfRun(runId, places.length)];
}

/** Within so many ms of an identity's end its process joins a partition in which it has ended anew. */
const rejoins = 1000;

/**
 * With the names under which processes joined this partition, and when they did: a node tells of each name once, whatever partitions it joins by it. What it
 * tells of a name's death may be about another partition: it is about this one where the process joins it anew soon.
 */
function withNames(part: readonly Evidence[], evidence: readonly Evidence[]): Evidence[] {
  const known = new Map(factsOf(evidence, "up").map((up) => [up.id, up]));
  const lines = factsOf(part, "told").flatMap(({ lines, t }) =>
    lines.flatMap(oneByOne).map((line) => ({ line, t })),
  );
  const ups = lines.flatMap(({ line, t }) => {
    const up = known.get(/^nodeJoined (\S+)/.exec(line)?.[1] ?? "");
    return up === undefined ? [] : [{ ...up, at: t, mono: t - (up.at - up.mono) }];
  });
  const joined = new Set(ups.map(({ id }) => id));
  // Of those whose joining was lost only what they did is told.
  const others = new Set(
    lines
      .flatMap(({ line }) => /^started \S+ \S+ \S+ (\S+)/.exec(line)?.[1] ?? [])
      .filter((id) => !joined.has(id)),
  );
  const names = [...ups, ...[...known.values()].filter(({ id }) => others.has(id))].sort(
    (a, b) => a.mono - b.mono,
  );
  const isOfOther = (line: Evidence): boolean => {
    if (line.kind !== "event" || line.event !== "nodeDead") return false;
    const { node: id } = line.details as { readonly node: string };
    if (known.get(id)?.node !== line.node) return false;
    return !names.some(
      (up) => up.node === line.node && up.id !== id && up.at > line.at && up.at <= line.at + rejoins,
    );
  };
  return [...names, ...part.filter((line) => !isOfOther(line))];
}
