import { type HistoryVerdict, judgeHistory } from "../checker/history/judge-history.js";
import { type Lateness, latenessOf } from "../checker/lateness.js";
import type { Evidence } from "../evidence/evidence.js";
import { EvidenceFolder } from "../evidence/evidence-folder.js";
import { kindsToDraw } from "../faults/index.js";
import { type InjectedFault, inject } from "../faults/inject.js";
import { type PlannedFault, planFaults } from "../faults/plan.js";
import { type Random, seededRandom } from "../random.js";
import { topologies } from "../topologies/index.js";
import { Trial, type TrialOptions } from "../trial.js";
import { limitedTasks, nodeOptions } from "../workload/cluster.js";
import { bringToAnEnd } from "./ending.js";
import { countHits, type Hits, nothingHit } from "./hits.js";
import { disturb } from "./own-link.js";
import { Session } from "./session.js";

/** What the seeded mode is told. */
export interface SeededOptions {
  readonly seed: number;
  /** Milliseconds for which faults are injected. */
  readonly duration: number;
  /** One of the names in {@link topologies}. @default "single" */
  readonly topology?: string;
  /** Over how many partitions the namespace is spread. @default 1 */
  readonly partitions?: number;
  /** The kinds of faults that may be drawn. @default all that the topology allows */
  readonly faults?: readonly string[];
  /** Milliseconds after the last fault within which all that was due has to have ended; `npm run chaos` gives 120 000 unless told by `--settle`. @default 60 000 */
  readonly settlesWithin?: number;
  /** A folder to which the evidence is copied, so that it can be judged again. @default none */
  readonly keep?: string;
  /** What nodes' processes are made of. @default this package's own program */
  readonly processOf?: TrialOptions["processOf"];
}

/** The report of the seeded mode. */
export interface SeededReport extends HistoryVerdict {
  readonly seed: number;
  readonly duration: number;
  readonly topology: string;
  readonly partitions: number;
  /** Those that hit, and those that did not; a trial in which none did is not valid. */
  readonly faults: Hits;
  readonly lateness: Lateness;
  /** What happened when, in ms after the beginning: faults, and deaths of nodes as they saw them. */
  readonly log: readonly string[];
  /** What had not ended when the trial gave up waiting. */
  readonly open: readonly string[];
}

const nodes = ["n1", "n2", "n3"] as const;

/** For so many ms a fault waits at most for what it is to hit, such as nodes that are being restarted; none for longer than `past` ms after all were to begin. */
const waits = 20_000;
const past = 10_000;

/** Runs the workload under faults drawn from the seed, and judges what came of it. */
export async function runSeeded(options: SeededOptions): Promise<SeededReport> {
  const { duration, topology = "single", partitions = 1 } = options;
  const start = topologies[topology];
  if (start === undefined) throw new Error(`There is no topology ${topology}`);
  const habits = { tasks: limitedTasks, asksWhetherHeld: true };
  await using trial = await Trial.start({
    nodes: nodes.length,
    topology: start,
    scheduler: nodeOptions(options.seed, partitions),
    habits,
    clocks: true,
    ...(options.processOf && { processOf: options.processOf }),
  });
  try {
    const { injected, open } = await happen(trial, options);
    return { ...reportOn(trial.evidence.read(), injected), duration, open };
  } finally {
    // Of a trial that came to no end it is all that there is.
    if (options.keep !== undefined) trial.evidence.keep(options.keep);
  }
}

/** Lets the whole trial happen: what was injected, and what had not ended when nobody waited any longer. */
async function happen(
  trial: Trial,
  options: SeededOptions,
): Promise<{ injected: InjectedFault[]; open: readonly string[] }> {
  const { seed, duration } = options;
  await using session = await Session.open(trial, seed);
  await session.memory("begun");
  const begin = Date.now() + 1000;
  const driver = await session.prepare(seededRandom(seed * 7919), begin, duration);
  session.write({ kind: "phase", phase: "begun" });
  const lasts = (ms: number): Promise<void> => trial.lasts(Math.max(1, ms));
  const looking = lookNowAndThen(session, duration, lasts);
  const [injected] = await Promise.all([
    injectAll(trial, session, options, begin),
    driver.drive(duration),
    disturb(session.link, seededRandom(seed * 104_729), duration, lasts, () => driver.askUnheard()),
    looking,
  ]);
  const open = await bringToAnEnd(session, options.settlesWithin ?? 60_000);
  return { injected, open };
}

/** Judges evidence that was kept. */
export function judgeKept(folder: string): SeededReport {
  const evidence = new EvidenceFolder(folder).read();
  const injected = evidence.flatMap((line): InjectedFault[] =>
    line.kind === "fault"
      ? [{ ...line, kind: line.fault, at: line.from, begun: line.begun ?? line.proof !== "" }]
      : [],
  );
  const phase = (name: string): number =>
    evidence.find((line) => line.kind === "phase" && line.phase === name)?.at ?? 0;
  return { ...reportOn(evidence, injected), duration: phase("healed") - phase("begun"), open: [] };
}

function reportOn(
  evidence: readonly Evidence[],
  injected: readonly InjectedFault[],
): Omit<SeededReport, "duration" | "open"> {
  const trial = evidence.find((line) => line.kind === "trial");
  const verdict = judgeHistory(evidence, { whole: true });
  const faults = countHits(injected);
  const nothing = nothingHit(faults);
  return {
    ...verdict,
    valid: verdict.valid && nothing.length === 0,
    violations: [...verdict.violations, ...nothing],
    byRule: { ...verdict.byRule, ...(nothing.length > 0 && { "no-fault-hit": 1 }) },
    seed: trial?.seed ?? 0,
    topology: trial?.topology ?? "",
    partitions: trial?.partitions ?? 1,
    faults,
    lateness: latenessOf(evidence),
    log: logOf(evidence, injected),
  };
}

async function injectAll(
  trial: Trial,
  session: Session,
  { seed, duration, topology = "single", faults }: SeededOptions,
  begin: number,
): Promise<InjectedFault[]> {
  const random = seededRandom(seed);
  const kinds = kindsToDraw(faults);
  const { store, watchers, voters } = trial.topology;
  const counts = { store: store.length, watchers: watchers.length, voters: voters.length };
  const running: Promise<InjectedFault>[] = [];
  const planned = planFaults(random, kinds, { nodes, topology, ...counts }, duration);
  for (const [index, fault] of planned.entries()) {
    await trial.lasts(Math.max(1, begin + fault.at - Date.now()));
    // Choices of its own: what other faults choose, and when they come to that, changes nothing for it.
    const own = seededRandom(seed * 15_485_863 + index);
    const patience = Math.max(0, Math.min(waits, begin + duration + past - Date.now()));
    const happened = injected(trial, own, fault, patience).then((one) => {
      const { kind, target, at, until, proof, begun, moved, partitions } = one;
      const of = { ...(moved && { moved }), ...(partitions && { partitions }) };
      session.write({ kind: "fault", fault: kind, target, from: at, until, proof, begun, ...of });
      return one;
    });
    running.push(happened);
  }
  return Promise.all(running);
}

/** A fault that cannot happen since another one is in its way, such as a DEL while a script keeps Redis busy, has not hit. */
async function injected(
  trial: Trial,
  random: Random,
  fault: PlannedFault,
  patience: number,
): Promise<InjectedFault> {
  const at = Date.now();
  try {
    return await inject(trial, random, fault, patience);
  } catch (error) {
    const { kind, target } = fault;
    console.error(`${kind.name} ${target}: ${(error as Error).message}`);
    return { kind: kind.name, target, at, until: Date.now(), proof: "", begun: true };
  }
}

/** Takes down the state of the store now and then, at one moment each. */
async function lookNowAndThen(
  session: Session,
  duration: number,
  lasts: (ms: number) => Promise<void>,
): Promise<void> {
  for (let looks = Math.floor(duration / 3000); looks > 0; looks -= 1) {
    await lasts(3000);
    await session.dump("during").catch(() => undefined);
  }
}

function logOf(evidence: readonly Evidence[], injected: readonly InjectedFault[]): string[] {
  const begin = evidence.find((line) => line.kind === "phase")?.at ?? 0;
  const faults = injected.map(({ kind, target, at, until, proof }) => ({
    at,
    text: `${kind} ${target} for ${until - at} ms: ${proof || "without effect"}`,
  }));
  const deaths = evidence.flatMap((line) => {
    if (line.kind !== "event" || line.event !== "nodeDead") return [];
    return [{ at: line.at, text: `${line.node} says nodeDead ${JSON.stringify(line.details)}` }];
  });
  const sorted = [...faults, ...deaths].sort((a, b) => a.at - b.at);
  return sorted.map(({ at, text }) => `${at - begin} ${text}`);
}
