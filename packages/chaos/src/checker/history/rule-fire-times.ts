import { fireTimesIn, isTimed, type JobStory } from "./definitions.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger, RunStory } from "./ledger.js";
import { cameToSomething, Requirements } from "./required-times.js";
import { mostMissed } from "./rule-misfires.js";
import type { End } from "./told.js";

/** What became of the fire times that were required, by what accounts for them. */
export interface FireTimes {
  readonly required: number;
  readonly permitted: number;
  /** `started`, and `skipped: overlap` and the like. */
  readonly by: Readonly<Record<string, number>>;
  /** Required, and neither started nor accounted for. */
  readonly open: readonly { readonly job: string; readonly time: number }[];
}

const states: Readonly<Record<string, string>> = {
  k: "skipped",
  m: "missed",
  c: "cancelled",
  l: "lost",
  s: "succeeded",
  f: "failed",
  t: "timed-out",
};

/** Looks for what became of each fire time that was surely to come until `until` (wall clock, ms). */
export function accountForFireTimes(ledger: Ledger, until: number): FireTimes {
  const by: Record<string, number> = {};
  const open: { job: string; time: number }[] = [];
  let [required, permitted] = [0, 0];
  const { firesOf, missedOf } = byJob(ledger);
  const requirements = new Requirements(ledger, until);
  for (const story of ledger.jobs.values()) {
    if (!isTimed(story.job)) continue;
    const bySpell = permittedTimes(story, until);
    permitted += new Set(bySpell.flat()).size;
    const runs = firesOf.get(story.id) ?? new Map<number, RunStory>();
    const entries = missedOf.get(story.id) ?? [];
    const sure = requirements.of(story, runs);
    const missed = coveredBy(story, entries, sure, bySpell.flat(), runs);
    for (const time of sure) {
      required += 1;
      const how = outcomeOf(runs.get(time), missed.get(time));
      if (how === undefined) open.push({ job: story.id, time });
      else by[how] = (by[how] ?? 0) + 1;
    }
  }
  return { required, permitted, by, open };
}

function byJob({ runs, told }: Ledger): {
  readonly firesOf: ReadonlyMap<string, Map<number, RunStory>>;
  readonly missedOf: ReadonlyMap<string, End[]>;
} {
  const firesOf = new Map<string, Map<number, RunStory>>();
  for (const run of runs.values()) {
    if (run.job === undefined || run.fireTime === undefined) continue;
    const fires = firesOf.get(run.job) ?? new Map<number, RunStory>();
    firesOf.set(run.job, fires.set(run.fireTime, run));
  }
  const missedOf = new Map<string, End[]>();
  for (const line of told) {
    if (line.what !== "ended" || line.state !== "m") continue;
    const job = line.run.slice(0, line.run.lastIndexOf("@"));
    missedOf.set(job, [...(missedOf.get(job) ?? []), line]);
  }
  return { firesOf, missedOf };
}

/** Fire times of each spell, for as long as it may have been in force, rising. */
function permittedTimes({ spells }: JobStory, until: number): number[][] {
  return spells.map((spell) =>
    fireTimesIn(spell, spell.possibleFrom - 1, Math.min(until, spell.possibleUntil + 1)),
  );
}

/**
 * An entry names the first fire time and how many, up to when it was written: those between that have an account of their own are not among
 * them. Runs of several definitions may be, where one had changed before they could start. Of fire times that were only possible nobody knows
 * whether they are counted; the sure ones are, as far as the number goes, and no more than its catch-up leaves to be missed. Of a job that is exhausted the number is a lower bound: what its
 * leader had yet to write is not counted.
 */
function coveredBy(
  story: JobStory,
  missed: readonly End[],
  sure: readonly number[],
  possible: readonly number[],
  runs: ReadonlyMap<number, RunStory>,
): Map<number, string> {
  const covered = new Map<number, string>();
  const times = [...new Set([...sure, ...possible])];
  const open = times.filter((time) => {
    return !cameToSomething(runs.get(time));
  });
  for (const entry of missed) {
    const { run, count, reason, finished } = entry;
    const first = Number(run.slice(run.lastIndexOf("@") + 1));
    let left = reason === "exhausted" ? Number.POSITIVE_INFINITY : count;
    if (reason === "misfire") left = Math.min(count, mostMissed(story, entry));
    for (const time of open) {
      if (left === 0) break;
      if (time < first || time > finished || covered.has(time)) continue;
      covered.set(time, `missed: ${reason}`);
      left -= 1;
    }
  }
  return covered;
}

function outcomeOf(run: RunStory | undefined, missed: string | undefined): string | undefined {
  if (run?.begins.some(({ attempt }) => attempt === 1)) return "started";
  const first = run?.ends[0];
  if (first !== undefined && /[kcl]/.test(first.state))
    return `${states[first.state]}: ${first.reason || "-"}`;
  return missed;
}

/** Each fire time that was surely to come started, or there is a reason why it did not. */
export const everyFireTimeIsAccountedFor: HistoryRule = (ledger) => {
  const until = Math.min(ledger.reached("healed"), lastMoment(ledger));
  return accountForFireTimes(ledger, until).open.map(({ job, time }) => ({
    rule: "missed",
    at: time,
    message: `Fire time ${time} (${new Date(time).toISOString()}) of ${job} never started, and no reason is recorded.`,
    about: [`${job}@${time}`, job],
  }));
};

/** Nothing starts at an instant at which its job could not have been due. */
export const nothingElseStarts: HistoryRule = (ledger) => {
  const until = lastMoment(ledger) + 60_000;
  const { firesOf } = byJob(ledger);
  return [...firesOf].flatMap(([job, runs]): Finding[] => {
    const story = ledger.jobs.get(job);
    if (story !== undefined && !isTimed(story.job)) return [];
    const times = new Set(story === undefined ? [] : permittedTimes(story, until).flat());
    return [...runs].flatMap(([time, { id, begins, claims }]): Finding[] => {
      const first = begins[0]?.at ?? claims[0]?.t;
      if (first === undefined || times.has(time)) return [];
      return [
        {
          rule: "never-due",
          at: first,
          message: `${id} started, and its job was not due then.`,
          about: [id, job],
        },
      ];
    });
  });
};

/** When the last piece of evidence was written. */
export function lastMoment({ evidence }: Pick<Ledger, "evidence">): number {
  return evidence.reduce((last, { at }) => Math.max(last, at), 0);
}
