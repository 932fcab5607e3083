import { every } from "@escapement/triggers";
import type { Verdict } from "../checker/judge.js";
import { type Lateness, latenessOf } from "../checker/lateness.js";
import { kindsToDraw } from "../faults/index.js";
import { type InjectedFault, inject } from "../faults/inject.js";
import { planFaults } from "../faults/plan.js";
import { seededRandom } from "../random.js";
import { topologies } from "../topologies/index.js";
import { Trial } from "../trial.js";
import { secondly } from "../workload/secondly.js";

/** What the seeded mode is told. */
export interface SeededOptions {
  readonly seed: number;
  /** Milliseconds for which faults are injected. */
  readonly duration: number;
  /** One of the names in {@link topologies}. @default "single" */
  readonly topology?: string;
  /** The kinds of faults that may be drawn. @default all that the topology allows */
  readonly faults?: readonly string[];
}

/** The report of the seeded mode. */
export interface SeededReport extends Omit<Verdict, "valid"> {
  /** No rule was broken, and every fire time came to its end. */
  readonly valid: boolean;
  readonly seed: number;
  readonly duration: number;
  readonly topology: string;
  /** Those that are shown to have hit, and how many were injected and did not. */
  readonly faults: {
    readonly total: number;
    readonly byKind: Readonly<Record<string, number>>;
    readonly withoutEffect: number;
    readonly each: readonly InjectedFault[];
  };
  readonly lateness: Lateness;
  /** What happened when, in ms after the beginning: faults, deaths of nodes as they saw them, lost attempts that had not begun. */
  readonly log: readonly string[];
  /** Runs that had not ended when the nodes were stopped. */
  readonly open: readonly string[];
}

const nodes = ["n1", "n2", "n3"] as const;

/** Runs the workload under faults drawn from the seed, and judges what came of it. */
export async function runSeeded(options: SeededOptions): Promise<SeededReport> {
  const { seed, duration, topology = "single" } = options;
  const start = topologies[topology];
  if (start === undefined) throw new Error(`There is no topology ${topology}`);
  await using trial = await Trial.start({ nodes: nodes.length, topology: start });
  await defineWorkload(trial);
  const begin = Date.now();
  const random = seededRandom(seed);
  const kinds = kindsToDraw(options.faults);
  const { store, watchers, voters } = trial.topology;
  const counts = { store: store.length, watchers: watchers.length, voters: voters.length };
  const running: Promise<InjectedFault>[] = [];
  const enqueuing: Promise<void>[] = [];
  for (const fault of planFaults(random, kinds, { nodes, topology, ...counts }, duration)) {
    await trial.lasts(Math.max(1, begin + fault.at - Date.now()));
    for (let count = 1; count <= 5; count += 1)
      enqueuing.push(trial.enqueue("tick", `enqueued-${enqueuing.length}`, random.between(0, 3000)));
    running.push(inject(trial, random, fault));
  }
  const injected = await Promise.all(running);
  await Promise.all(enqueuing);
  await trial.lasts(Math.max(1, begin + duration - Date.now()));
  // Lost attempts come back after the lease of their node, more than once at worst.
  const verdict = await trial.verdict(Date.now(), { within: 60_000 });
  return {
    ...verdict,
    valid: verdict.valid && verdict.open.length === 0,
    seed,
    duration,
    topology,
    faults: countFaults(injected),
    lateness: latenessOf(trial.evidence.read()),
    log: await logOf(trial, begin, injected),
  };
}

/** Only what is shown to have hit counts. */
function countFaults(injected: readonly InjectedFault[]): SeededReport["faults"] {
  const hit = injected.filter(({ proof }) => proof !== "");
  const byKind: Record<string, number> = {};
  for (const { kind } of hit) byKind[kind] = (byKind[kind] ?? 0) + 1;
  return { total: hit.length, byKind, withoutEffect: injected.length - hit.length, each: injected };
}

async function logOf(trial: Trial, begin: number, injected: readonly InjectedFault[]): Promise<string[]> {
  const faults = injected.map(({ kind, target, at, until, proof }) => ({
    at,
    text: `${kind} ${target} for ${until - at} ms: ${proof || "without effect"}`,
  }));
  const deaths = trial.facts("event").flatMap(({ event, at, node, details }) => {
    return event === "nodeDead" ? [{ at, text: `${node} says nodeDead ${JSON.stringify(details)}` }] : [];
  });
  const begun = new Set(trial.facts("start").flatMap(({ run, attempt }) => (attempt === 1 ? [run] : [])));
  const outcomes = (await trial.cases(Date.now())).flatMap(({ history }) => history);
  const unbegun = outcomes.flatMap(({ id, attempts: [first] }) => {
    if (first?.state !== "lost" || begun.has(id)) return [];
    const name = trial.nodeOf(first.node)?.name;
    return [
      {
        at: first.startedAt?.getTime() ?? 0,
        text: `${id} claimed by ${name}, lost before it began: ${first.reason}`,
      },
    ];
  });
  const sorted = [...faults, ...deaths, ...unbegun].sort((a, b) => a.at - b.at);
  return sorted.map(({ at, text }) => `${at - begin} ${text}`);
}

async function defineWorkload(trial: Trial): Promise<void> {
  const numbered = (id: string, count: number): { id: string }[] =>
    Array.from({ length: count }, (_, index) => ({ id: `${id}-${index + 1}` }));
  const often = every("1s");
  await trial.define("tick", [
    ...secondly(20, { input: { work: 20 } }),
    ...numbered("skip", 5).map((job) => ({ ...job, trigger: often, input: { work: 300 } })),
    ...numbered("once", 3).map((job) => ({ ...job, trigger: often, delivery: "at-most-once" as const })),
  ]);
  await trial.define("long", [
    ...numbered("long", 2).map((job) => ({
      ...job,
      trigger: every("2s"),
      input: { work: 3000 },
      overlap: "allow" as const,
    })),
    ...numbered("single", 2).map((job) => ({ ...job, trigger: every("3s"), input: { work: 4000 } })),
  ]);
}
