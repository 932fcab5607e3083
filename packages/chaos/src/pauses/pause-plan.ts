import type { Random } from "../random.js";
import type { Pausable } from "./pause-rules.js";
import type { PauseValue } from "./pauser.js";

/** A pause that is to come. */
export interface PlannedPause {
  /** What stands behind `pause:`; of a node its name in the trial. */
  readonly name: string;
  readonly value: PauseValue;
  /** Milliseconds after the beginning. */
  readonly at: number;
  /** Milliseconds until it is deleted, or its time to live. */
  readonly lasts: number;
  readonly ends: "deleted" | "expires";
}

/** What can be paused, and for how long. */
export interface PauseRoom {
  readonly jobs: readonly [Pausable, ...Pausable[]];
  readonly nodes: readonly [string, ...string[]];
  readonly count: number;
  /** Milliseconds in which all of them begin. */
  readonly over: number;
}

type Kind = "job" | "tag" | "queue" | "task" | "node" | "all";

const reasons: readonly [string, ...string[]] = [
  "database maintenance",
  "",
  "  two  spaces, and a\nline break ",
  "🛑 ⏸️ não agora",
  '{"reason":"as the API writes it","by":"chaos"}',
  "-1",
];
const types = ["string", "string", "string", "hash", "list", "set"] as const;

/**
 * Draws pauses of all six kinds, in turn. One of a job is followed by ones of its own tag and queue while it lasts, so that several hold the
 * same job. No key is set twice at a time, nor right after its end.
 */
export function planPauses(random: Random, { jobs, nodes, count, over }: PauseRoom): PlannedPause[] {
  const gap = over / count;
  const freeFrom = new Map<string, number>();
  const planned: PlannedPause[] = [];
  let job = random.pick(jobs);
  for (let index = 0; index < count; index += 1) {
    const kind = (["job", "tag", "queue", "node", "task", "all"] as const)[index % 6] ?? "all";
    if (kind === "job" || kind === "task") job = random.pick(jobs);
    const at = Math.round(index * gap + random.between(0, gap / 2));
    const [ends, lasts] = lengthOf(random, kind);
    let name = nameOf(random, kind, job, nodes);
    for (let tries = 0; tries < 50 && (freeFrom.get(name) ?? 0) > at; tries += 1) {
      job = random.pick(jobs);
      name = nameOf(random, kind, job, nodes);
    }
    if ((freeFrom.get(name) ?? 0) > at) continue;
    freeFrom.set(name, at + lasts + 1500);
    const type = ends === "expires" ? "string" : random.pick(types);
    planned.push({ name, value: { type, reason: random.pick(reasons) }, at, lasts, ends });
  }
  return planned;
}

/** Every third ends by itself. Those of everything are short, so that others are seen to be left alone. */
function lengthOf(random: Random, kind: Kind): [PlannedPause["ends"], number] {
  const most = kind === "all" ? 1500 : 3500;
  const lasts = random.between(700, most);
  if (random.between(1, 3) > 1) return ["deleted", lasts];
  return ["expires", random.between(0, 1) === 0 ? lasts : Math.ceil(lasts / 1000) * 1000];
}

function nameOf(random: Random, kind: Kind, job: Pausable, nodes: PauseRoom["nodes"]): string {
  const [first = "none", ...others] = job.tags;
  return {
    all: "all",
    job: `job:${job.id}`,
    tag: `tag:${random.pick([first, ...others])}`,
    queue: `queue:${job.queue}`,
    task: `task:${job.task}`,
    node: `node:${random.pick(nodes)}`,
  }[kind];
}
