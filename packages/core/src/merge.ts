// What is asked of each partition, made one.
import type { ApplyReport } from "./apply.js";
import type { Finding } from "./doctor/index.js";
import type { Health } from "./health.js";
import type { ListedNode } from "./list-nodes.js";
import type { ClusterLoad } from "./read-load.js";
import type { PauseInfo } from "./read-pauses.js";

/** The first `limit` of several lists, each in order already. */
export function firstOf<T>(
  lists: readonly (readonly T[])[],
  limit: number,
  order: (one: T, other: T) => number,
): T[] {
  return lists.flat().sort(order).slice(0, limit);
}

/** What was done in all partitions. @param ids of the jobs that were declared, in the order in which they are to be told */
export function mergeReports(reports: readonly ApplyReport[], ids: readonly string[]): ApplyReport {
  const places = new Map(ids.map((id, index) => [id, index]));
  const placeOf = (id: string): number => places.get(id) ?? ids.length;
  const all = (of: "added" | "updated" | "unchanged" | "removed"): string[] =>
    reports.flatMap((report) => report[of]).sort((one, other) => placeOf(one) - placeOf(other));
  const changes = reports
    .flatMap((report) => report.changes ?? [])
    .sort((one, other) => placeOf(one.id) - placeOf(other.id));
  const sets = reports.flatMap(({ set }) => set ?? []);
  const [set] = sets;
  const before = sets.flatMap((one) => one.before ?? []);
  return {
    added: all("added"),
    updated: all("updated"),
    unchanged: all("unchanged"),
    removed: all("removed"),
    ...(reports.some((report) => report.changes !== undefined) && { changes }),
    ...(set !== undefined && {
      set: { ...set, before: before.length === 0 ? undefined : Math.max(...before) },
    }),
  };
}

/** Each node once, with what it has in all partitions. It lives while it does in any; its lease is the one that ends first of those that hold. */
export function mergeNodes(lists: readonly (readonly ListedNode[])[]): ListedNode[] {
  const found = new Map<string, ListedNode>();
  for (const node of lists.flat()) {
    const other = found.get(node.id);
    if (other === undefined) found.set(node.id, node);
    else {
      const isFirst = node.alive === other.alive ? node.leaseUntil < other.leaseUntil : node.alive;
      found.set(node.id, {
        ...(isFirst ? node : other),
        partitions: [...other.partitions, ...node.partitions],
        leads: [...other.leads, ...node.leads],
        active: node.active + other.active,
        stuck: [...new Set([...node.stuck, ...other.stuck])],
        pause: other.pause ?? node.pause,
      });
    }
  }
  return [...found.values()];
}

/** Sums; of times the latest, of what waits the longest. */
export function mergeLoads(loads: readonly ClusterLoad[]): ClusterLoad {
  const sum = (of: Exclude<keyof ClusterLoad, "at" | "lag">): number =>
    loads.reduce((total, load) => total + load[of], 0);
  return {
    at: new Date(Math.max(...loads.map(({ at }) => at.getTime()))),
    jobs: sum("jobs"),
    waiting: sum("waiting"),
    due: sum("due"),
    held: sum("held"),
    paused: sum("paused"),
    active: sum("active"),
    deadLetters: sum("deadLetters"),
    lag: Math.max(...loads.map(({ lag }) => lag)),
  };
}

/** A process is as well as it is in the partition where it is worst. */
export function mergeHealth(all: readonly Health[]): Health {
  const reasons = new Map(all.flatMap(({ reasons }) => reasons).map((reason) => [reason.code, reason]));
  return {
    live: all.every(({ live }) => live),
    ready: all.every(({ ready }) => ready),
    reasons: [...reasons.values()],
  };
}

/** Checks whose words have measurements in them, which differ from partition to partition though what is wrong does not. */
const measured: ReadonlySet<string> = new Set(["memory", "clock", "node clocks"]);

/** From the worst on. */
const levels: readonly Finding["level"][] = ["error", "warning", "ok"];

/** Each finding once, with the partitions in which it is if it is not in all; of each check the worst is first. */
export function mergeFindings(lists: readonly (readonly Finding[])[]): Finding[] {
  const found = new Map<string, { readonly finding: Finding; readonly partitions: Set<number> }>();
  for (const [partition, findings] of lists.entries())
    for (const finding of findings) {
      const { check, level, message } = finding;
      const words = measured.has(check) ? message.replace(/\d+/g, "0") : message;
      const name = JSON.stringify([check, level, words]);
      const known = found.get(name);
      if (known === undefined) found.set(name, { finding, partitions: new Set([partition]) });
      else known.partitions.add(partition);
    }
  const checks = [...new Set([...found.values()].map(({ finding }) => finding.check))];
  const merged = [...found.values()].map(({ finding, partitions }) => {
    if (partitions.size === lists.length) return finding;
    const where = `${partitions.size === 1 ? "Partition" : "Partitions"} ${[...partitions].join(", ")}`;
    return { ...finding, message: `${where}: ${finding.message}` };
  });
  const place = ({ check, level }: Finding): number =>
    checks.indexOf(check) * levels.length + levels.indexOf(level);
  return merged.sort((one, other) => place(one) - place(other));
}

/** Each pause once, as partition 0 has it, or else the first that has. */
export function mergePauses(lists: readonly (readonly PauseInfo[])[]): PauseInfo[] {
  const found = new Map<string, PauseInfo>();
  for (const pause of lists.flat()) if (!found.has(pause.target)) found.set(pause.target, pause);
  return [...found.values()].sort((one, other) => (one.target < other.target ? -1 : 1));
}
