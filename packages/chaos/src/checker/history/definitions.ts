import { compileTrigger } from "@escapement/triggers";
import type { PlannedJob } from "../../workload/operations.js";
import type { Asked } from "./operations.js";

/**
 * Time in which a job has one way of firing. It is surely so from the acknowledgement of what defined it until the next change was asked for;
 * possibly from when it was asked for until the next change was acknowledged. Of what nobody heard whether it was done nothing is sure.
 */
export interface Spell {
  /** As it was defined last in this spell. */
  readonly job: PlannedJob;
  /** When the job was created, as far as that was told, ms. */
  readonly created: number;
  readonly possibleFrom: number;
  readonly sureFrom: number;
  sureUntil: number;
  possibleUntil: number;
  /** What ended it for sure: the first change that was acknowledged. */
  overBy: Asked | undefined;
  /** When the job was removed that it is of, or may have been; that may be later, after other spells. */
  removed: number | undefined;
}

/** What a job was over time. */
export interface JobStory {
  readonly id: string;
  readonly spells: readonly Spell[];
  /** The latest definition that was asked for: its task, queue, tags, limits and overlap never change. */
  readonly job: PlannedJob;
  /** When it was removed, or may have been. */
  readonly removals: readonly Asked[];
}

/** The stories of all jobs that were ever defined. */
export function jobStories(operations: readonly Asked[]): Map<string, JobStory> {
  const builders = new Map<string, Builder>();
  const builderOf = (id: string): Builder => {
    const builder = builders.get(id) ?? new Builder();
    builders.set(id, builder);
    return builder;
  };
  for (const asked of operations) {
    const { does } = asked;
    if (asked.end === "refused") continue;
    if (does.do === "define") for (const job of does.jobs) builderOf(job.id).becomes(job, asked);
    if (does.do === "update") builderOf(does.job).changes(does.changes as Partial<PlannedJob>, asked);
    if (does.do === "remove") builderOf(does.job).goes(asked);
  }
  return new Map([...builders].flatMap(([id, builder]) => builder.story(id)));
}

/** What of a definition says when it fires. */
function firing({ trigger, startAt, endAt, maxRuns, dependsOn }: PlannedJob): string {
  return JSON.stringify([trigger, startAt, endAt, maxRuns, dependsOn]);
}

class Builder {
  readonly #spells: Spell[] = [];
  readonly #removals: Asked[] = [];
  #job: PlannedJob | undefined;
  /** The only one that can be in force now, if that is known. */
  #current: Spell | undefined;

  becomes(job: PlannedJob, asked: Asked): void {
    this.#job = job;
    const current = this.#current;
    if (current !== undefined && firing(current.job) === firing(job)) return;
    const sure = asked.end === "acknowledged";
    this.#end(asked, false);
    const spell: Spell = {
      job,
      created: createdIn(asked, job.id),
      possibleFrom: asked.asked.at,
      sureFrom: sure ? asked.heard.at : Number.POSITIVE_INFINITY,
      sureUntil: Number.POSITIVE_INFINITY,
      possibleUntil: Number.POSITIVE_INFINITY,
      overBy: undefined,
      removed: undefined,
    };
    this.#spells.push(spell);
    this.#current = sure ? spell : undefined;
  }

  changes(changes: Partial<PlannedJob>, asked: Asked): void {
    if (this.#job !== undefined) this.becomes({ ...this.#job, ...changes }, asked);
  }

  goes(asked: Asked): void {
    this.#removals.push(asked);
    this.#end(asked, true);
    this.#current = undefined;
  }

  /** Whatever was in force is so no more: surely not from the answer on, and perhaps not from the asking on. */
  #end(change: Asked, removed: boolean): void {
    const { asked, heard, end } = change;
    for (const spell of this.#spells) {
      if (removed) spell.removed ??= asked.at;
      if (spell.possibleUntil < asked.at) continue;
      spell.sureUntil = Math.min(spell.sureUntil, asked.at);
      if (end !== "acknowledged") continue;
      if (heard.at < spell.possibleUntil) spell.overBy = change;
      spell.possibleUntil = Math.min(spell.possibleUntil, heard.at);
    }
  }

  story(id: string): [string, JobStory][] {
    const job = this.#job;
    return job === undefined ? [] : [[id, { id, spells: this.#spells, job, removals: this.#removals }]];
  }
}

function createdIn({ answer, asked }: Asked, id: string): number {
  const told = (answer as { createdAt?: unknown } | null)?.createdAt;
  if (typeof told === "string") return Date.parse(told);
  const each = (answer as { created?: Record<string, number> } | null)?.created;
  return each?.[id] ?? asked.at;
}

/** Whether a job's fire times follow from its definition alone: not from the ends of its own runs, or of others', nor from when it arrived. */
export function isTimed({ trigger }: PlannedJob): boolean {
  if (trigger === undefined || (trigger.type === "once" && trigger.at.includes("now"))) return false;
  return !(trigger.type === "every" && trigger.after !== undefined);
}

/** The fire times of a spell between two instants, both included, ms. */
export function fireTimesIn({ job, created }: Spell, from: number, until: number): number[] {
  const { trigger, id, startAt, endAt } = job;
  if (trigger === undefined || from > until) return [];
  const earliest = startAt === undefined ? from : Math.max(from, new Date(startAt).getTime());
  const last = Math.min(until, endAt === undefined ? until : new Date(endAt).getTime());
  const compiled = compileTrigger(trigger, { jobId: id, anchor: created });
  // Each of these follows from the one before.
  const first = trigger.type === "everyRandom" ? created : earliest;
  const times: number[] = [];
  let time = compiled.next(first - 1);
  for (; time !== null && time <= last; time = compiled.next(time)) if (time >= earliest) times.push(time);
  return times;
}
