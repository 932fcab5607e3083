import { pausesOf } from "../../pauses/pause-rules.js";
import { groupBy } from "../case.js";
import { troublesIn } from "./calm.js";
import { fireTimesIn, type JobStory, type Spell } from "./definitions.js";
import type { Ledger, RunStory } from "./ledger.js";
import { type Asked, lateDone } from "./operations.js";
import { isCounted, mostOf, scopesOf } from "./rule-places.js";
import type { Span } from "./spans.js";
import { millisOf } from "./versions.js";

/** When nothing has kept a job's runs from starting for so long, what was due at its beginning has started, ms. */
const soon = 10_000;

/** Which fire times something has to become of: those that were surely to come, for as long as somebody could have waited for them. */
export class Requirements {
  readonly #ledger: Ledger;
  readonly #until: number;
  readonly #healed: number;
  readonly #troubles: readonly Span[];
  readonly #runsOf: ReadonlyMap<string, readonly RunStory[]>;

  /** @param until what comes later nobody waits for; wall clock, ms */
  constructor(ledger: Ledger, until: number) {
    this.#ledger = ledger;
    this.#until = until;
    this.#healed = ledger.reached("healed");
    this.#troubles = troublesIn(ledger);
    this.#runsOf = groupBy([...ledger.runs.values()], ({ job }) => job ?? "");
  }

  /** Those of a job, of which these runs are known. */
  of(story: JobStory, runs: ReadonlyMap<number, RunStory>): number[] {
    const times = story.spells.flatMap((spell) => this.#ofSpell(story, spell, runs));
    const { maxRuns } = story.job;
    if (maxRuns === undefined) return times;
    const counted = [...runs.values()].filter((run) => isCounted(this.#ledger, run));
    if (counted.length < maxRuns) return times;
    // When as many as may have started have ended, what was due has been missed, and what else there is does not come any more.
    const over = Math.max(...counted.map(endOf));
    return times.filter((time) => time < over || cameToSomething(runs.get(time)));
  }

  #ofSpell(story: JobStory, spell: Spell, runs: ReadonlyMap<number, RunStory>): number[] {
    const all = fireTimesIn(spell, spell.sureFrom + 1, Math.min(spell.sureUntil, this.#until) - 1);
    const { removed } = spell;
    if (removed === undefined || removed >= this.#healed) return all;
    // What had not started when its job was removed goes without a word, also if others were skipped behind it. Before what did start, nothing
    // can have been left. Not what was missed: a change of the trigger tells that of the latest, while earlier ones wait.
    const begun = [...runs].flatMap(([time, { begins }]) =>
      begins.length > 0 && time < removed ? [time] : [],
    );
    const last = Math.max(0, ...begun);
    // Nor can anything have been left for which there was time.
    const idle = this.#hasLimits(story) ? 0 : this.#lastCalm(story, removed);
    return all.filter((time) => time <= last || (time <= idle && (runs.get(time)?.claims.length ?? 0) === 0));
  }

  /** Whether what is due may wait for something other than its job's own runs. */
  #hasLimits({ job }: JobStory): boolean {
    const { concurrencyKey, rateLimit, dependsOn } = job;
    if (concurrencyKey !== undefined || rateLimit !== undefined || dependsOn !== undefined) return true;
    const { rates } = this.#ledger.trial;
    return scopesOf(job).some(
      (scope) => rates[scope] !== undefined || Number.isFinite(mostOf(this.#ledger, scope, job)),
    );
  }

  /** The latest fire time that had time enough to start before the removal: nothing was amiss for {@link soon} then, or at some moment after it. */
  #lastCalm(story: JobStory, removed: number): number {
    const busy = [...this.#troubles, ...this.#pauses(story), ...this.#open(story)].sort(
      (a, b) => b.until - a.until,
    );
    let end = removed;
    for (const { from, until } of busy) {
      if (until > end) {
        end = Math.min(end, from);
        continue;
      }
      if (end - until >= soon) break;
      end = Math.min(end, from);
    }
    return end - soon - (millisOf(story.job.jitter) ?? 0);
  }

  /** When a pause held the job back, or may have. */
  #pauses({ id, job }: JobStory): Span[] {
    const { task, queue = "default", tags = [] } = job;
    const names = new Set(pausesOf({ id, task, queue, tags, beside: true }));
    const isOf = (name: string): boolean => names.has(name) || name.startsWith("node:");
    const ofJob = this.#ledger.operations.filter(({ does }) => "name" in does && isOf(does.name));
    const byItself = this.#ledger.told.flatMap((line) =>
      line.what === "other" && /^(autoPaused|jobParked)$/.test(line.word) && line.subject === id
        ? [{ from: line.t, until: Number.POSITIVE_INFINITY }]
        : [],
    );
    return [...byItself, ...ofJob.flatMap((one) => spanOf(one, ofJob))];
  }

  /** When runs of the job were out beside which no other may start. */
  #open({ id, job }: JobStory): Span[] {
    if (job.overlap === "allow") return [];
    return (this.#runsOf.get(id) ?? []).flatMap((run) => {
      const [first] = run.claims;
      return first === undefined ? [] : [{ from: first.t, until: endOf(run) }];
    });
  }
}

/** A pause's end may go unnoticed for as long as what nobody heard of may take. */
function spanOf({ does, asked, heard, end }: Asked, all: readonly Asked[]): Span[] {
  if ((does.do !== "pause" && does.do !== "set") || end === "refused") return [];
  const over = all.find(
    (one) =>
      (one.does.do === "del" || one.does.do === "resume") &&
      one.does.name === does.name &&
      one.end === "acknowledged" &&
      one.asked.at >= heard.at,
  );
  const expired = does.ttl === undefined ? Number.POSITIVE_INFINITY : heard.at + does.ttl;
  return [{ from: asked.at, until: Math.min(expired, over?.heard.at ?? expired) + lateDone }];
}

/** When the end of a run was told, Redis' clock, ms; later than everything if it was not. */
function endOf({ ends }: RunStory): number {
  return ends.findLast(({ what }) => what === "ended")?.t ?? Number.POSITIVE_INFINITY;
}

/** Whether a run began, or has an end of its own. */
export function cameToSomething(run: RunStory | undefined): boolean {
  return run !== undefined && (run.begins.length > 0 || run.ends.length > 0);
}
