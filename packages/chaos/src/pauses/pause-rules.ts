import { factsOf, groupBy } from "../checker/case.js";
import type { Evidence } from "../evidence/evidence.js";
import { type PauseSpan, type Period, pauseSpans, periodsOf } from "./pause-spans.js";

/** Once a pause's SET is acknowledged, no attempt of what it names starts later than so many ms. */
export const mostAfterPause = 100;
/** Within so many ms of a pause's end its leader, if there is one, has let go on what was held back. */
export const mostUntilGoingOn = 1000;

/** What pauses can name of a job, or of an enqueued run. */
export interface Pausable {
  /** Of the job; of the run if it was enqueued. */
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly tags: readonly string[];
  /** Whether its runs may run beside each other: else one that was held back may still have to wait for another one's end. */
  readonly beside: boolean;
}

/** Something that a pause should have kept from starting, or that went on after one. */
export interface Seen {
  /** The run and its attempt, or the node that goes on. */
  readonly what: string;
  /** Which pause. */
  readonly pause: string;
  /** Milliseconds after the acknowledged SET, or after the end. */
  readonly ms: number;
}

/** What went on after a pause. */
export interface GoneOn extends Seen {
  /** Which one of the pauses of that name. */
  readonly span: PauseSpan;
}

/** How what is witnessed agrees with the pauses that were set. */
export interface PauseFindings {
  readonly spans: readonly PauseSpan[];
  /** Attempts that Redis handed out, by its own clock, after it had acknowledged the pause and before it was asked to end it. None is allowed. */
  readonly claimed: readonly Seen[];
  /** Handlers that began in that time, by the machine's monotonic clock: claimed before the pause, and still on their way. */
  readonly started: readonly Seen[];
  /** Runs of jobs that were held back, and nodes: how long after the pause's end they went on. */
  readonly wentOn: readonly GoneOn[];
}

type Start = Extract<Evidence, { kind: "start" }>;

/** The job of a run; of an enqueued run the run itself. */
export function pausableOf(run: string): string {
  const at = run.lastIndexOf("@");
  return at < 0 ? run : run.slice(0, at);
}

/** The names of all pauses that hold a job's runs, on whichever node. */
export function pausesOf({ id, task, queue, tags }: Pausable): string[] {
  return ["all", `queue:${queue}`, `task:${task}`, `job:${id}`, ...tags.map((tag) => `tag:${tag}`)];
}

/** An attempt that was given out: to which identity, and when at the least and at the most, by the machine's wall clock in ms. */
export interface Given {
  readonly run: string;
  readonly attempt: number;
  /** The identity of its node. */
  readonly to: string;
  readonly least: number;
  readonly most: number;
}

/** What nodes heard that they were given, by Redis' clock, which is the machine's. */
export function givenIn(evidence: readonly Evidence[]): Given[] {
  const nodes = identities(evidence);
  return factsOf(evidence, "claimed").map(({ run, attempt, claimedAt, node, mono }) => {
    return { run, attempt, to: nodes(node, mono), least: claimedAt, most: claimedAt };
  });
}

/**
 * Holds what nodes witnessed against the record of who paused and resumed.
 *
 * @param given the attempts that were given out. @default those that nodes heard of
 * @param namesOf under which names a process can be paused. @default the identity that it has
 */
export function judgePauses(
  evidence: readonly Evidence[],
  things: readonly Pausable[],
  given: readonly Given[] = givenIn(evidence),
  namesOf: NamesOf = oneName(evidence),
): PauseFindings {
  const spans = pauseSpans(evidence);
  const byName = groupBy(spans, ({ name }) => name);
  const names = new Map(things.map((thing) => [thing.id, pausesOf(thing)]));
  const nodes = identities(evidence);
  const spansOf = (run: string, own: readonly string[]): PauseSpan[] =>
    [...(names.get(pausableOf(run)) ?? ["all"]), ...own.map((name) => `node:${name}`)].flatMap(
      (name) => byName.get(name) ?? [],
    );
  const claimed = given.flatMap(({ run, attempt, to, least, most }) =>
    spansOf(run, [to]).flatMap(({ name, from, sure }) =>
      least > from.at && most < sure.at
        ? [{ what: `${run}#${attempt}`, pause: name, ms: least - from.at }]
        : [],
    ),
  );
  const starts = factsOf(evidence, "start");
  const started = starts.flatMap(({ run, attempt, node, mono }) =>
    spansOf(run, namesOf(node, mono)).flatMap(({ name, from, sure }) =>
      mono > from.mono && mono < sure.mono
        ? [{ what: `${run}#${attempt}`, pause: name, ms: mono - from.mono }]
        : [],
    ),
  );
  const byThing = groupBy(starts, ({ run }) => pausableOf(run));
  const ends = groupBy(factsOf(evidence, "accepted"), ({ run }) => pausableOf(run));
  const wentOn = things.flatMap((thing) => {
    const own = pausesOf(thing).flatMap((name) => byName.get(name) ?? []);
    return jobsGoOn(thing, own, byThing.get(thing.id) ?? [], ends.get(thing.id) ?? []);
  });
  return { spans, claimed, started, wentOn: [...wentOn, ...nodesGoOn(spans, starts, nodes)] };
}

/** The names that a node has at a moment, one for each partition, or one. */
export type NamesOf = (node: string, mono: number) => readonly string[];

function oneName(evidence: readonly Evidence[]): NamesOf {
  const nodes = identities(evidence);
  return (node, mono) => [nodes(node, mono)];
}

/** Who a node was at a moment: the latest identity under which it had joined by then. */
export function identities(evidence: readonly Evidence[]): (node: string, mono: number) => string {
  const ups = groupBy(factsOf(evidence, "up"), ({ node }) => node);
  return (node, mono) => ups.get(node)?.findLast((up) => up.mono <= mono)?.id ?? "-";
}

/** The first attempts that were held back: due before the end of a period of pauses, and started after it. */
function jobsGoOn(
  thing: Pausable,
  spans: readonly PauseSpan[],
  starts: readonly Start[],
  ends: readonly Evidence[],
): GoneOn[] {
  const periods = periodsOf(spans);
  // One that a store has lost may be there again: that it starts twice is for another rule.
  const seen = new Set<string>();
  const firsts = starts
    .filter(({ attempt }) => attempt === 1)
    .sort((a, b) => a.mono - b.mono)
    .filter(({ run }) => !seen.has(run) && seen.add(run));
  return periods.flatMap((period, index) => {
    const { sure, over } = period;
    // Where it is paused again at once, nobody has to have noticed the end.
    const until = periods[index + 1]?.from.mono ?? Number.POSITIVE_INFINITY;
    const again = until < over.mono + mostUntilGoingOn;
    const held = firsts.filter(
      ({ mono, scheduledAt }) => scheduledAt <= sure.at && mono > sure.mono && (mono < until || !again),
    );
    const some = thing.beside ? held : wasRunning(period, starts, ends) ? [] : held.slice(0, 1);
    const span = spans.find((one) => one.over.mono === over.mono);
    if (span === undefined) return [];
    return some.map(({ run, mono }) => ({
      what: run,
      pause: span.name,
      ms: Math.max(0, mono - over.mono),
      span,
    }));
  });
}

/** Whether a run of the job was running at the end of a period. */
function wasRunning({ sure, over }: Period, starts: readonly Start[], ends: readonly Evidence[]): boolean {
  const ended = new Set(
    ends.flatMap((line) => (line.kind === "accepted" && line.mono <= over.mono ? [line.token] : [])),
  );
  return starts.some(({ mono, token }) => mono <= sure.mono && !ended.has(token));
}

/** The first start on each node after it was paused; where everything was paused about then, that says nothing of the node. */
function nodesGoOn(
  spans: readonly PauseSpan[],
  starts: readonly Start[],
  nodes: (node: string, mono: number) => string,
): GoneOn[] {
  const everything = spans.filter(({ name }) => name === "all");
  return spans.flatMap((span) => {
    const { name, sure, over } = span;
    if (!name.startsWith("node:")) return [];
    if (everything.some((all) => all.from.mono < over.mono + mostUntilGoingOn && all.over.mono > sure.mono))
      return [];
    const after = starts.filter(({ node, mono }) => mono > sure.mono && `node:${nodes(node, mono)}` === name);
    if (after.length === 0) return [];
    const first = Math.min(...after.map(({ mono }) => mono));
    return [{ what: name, pause: name, ms: Math.max(0, first - over.mono), span }];
  });
}

/** The first attempts of what no pause named, due while there was a pause of something else: how late they were, in ms, rising. */
export function leftAlone(
  evidence: readonly Evidence[],
  things: readonly Pausable[],
  spans: readonly PauseSpan[],
): number[] {
  const starts = groupBy(factsOf(evidence, "start"), ({ run }) => pausableOf(run));
  const late = things.flatMap((thing) => {
    const names = new Set(pausesOf(thing));
    const [own, others] = [
      spans.filter(({ name }) => names.has(name)),
      spans.filter(({ name }) => !names.has(name)),
    ];
    return (starts.get(thing.id) ?? []).flatMap(({ attempt, scheduledAt, at }) => {
      if (!thing.beside || attempt > 1) return [];
      const held = own.some(({ from, over }) => scheduledAt > from.at - 1000 && scheduledAt < over.at + 1000);
      const meanwhile = others.some(({ from, sure }) => scheduledAt > from.at && scheduledAt < sure.at);
      return !held && meanwhile ? [at - scheduledAt] : [];
    });
  });
  return late.sort((a, b) => a - b);
}

/** The longest of some, in whole ms, and how many they are. */
export function latestOf(seen: readonly Seen[]): { count: number; ms: number; what?: string } {
  const worst = seen.reduce<Seen | undefined>((a, b) => (a === undefined || b.ms > a.ms ? b : a), undefined);
  if (worst === undefined) return { count: 0, ms: 0 };
  return { count: seen.length, ms: Math.round(worst.ms), what: `${worst.what} ${worst.pause}` };
}
