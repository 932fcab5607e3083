import { fireTimesIn, isTimed, type JobStory } from "./definitions.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger, RunStory } from "./ledger.js";
import type { End, Told } from "./told.js";
import { millisOf } from "./versions.js";

/** How late a fire time may start as usual, where nothing else is said, ms. */
const usualGrace = 60_000;
const usualMost = 100;

/** How late a job's fire times may start as usual, ms. */
export function graceOf({ misfire, jitter }: JobStory["job"]): number {
  return (millisOf(misfire?.grace) ?? usualGrace) + (millisOf(jitter) ?? 0);
}

/**
 * The first fire time that may have been waiting when an entry for missed ones was written: under `earliest` one that is made up for stands
 * before them, and is given out after that; it may have been before, and handed back.
 */
export function firstWaiting({ runs }: Ledger, story: JobStory, { run, index }: End): number {
  const time = Number(run.slice(run.lastIndexOf("@") + 1));
  if (story.job.misfire?.catchUp !== "earliest") return time;
  const times = story.spells.flatMap((spell) => fireTimesIn(spell, time - usualGrace, time - 1));
  const given = times.filter((one) => (runs.get(`${story.id}@${one}`)?.claims.at(-1)?.index ?? -1) > index);
  return Math.min(time, ...given, ...times.slice(-1));
}

/**
 * Once the first fire time that waits is later than its grace, as many as the job's catch-up says are made up for, of all that are due by then:
 * no more start, and no more are taken for missed. That may be settled in several steps: what one of them leaves can be late again in the next. Of jobs whose definition never changed and whose
 * runs may overlap, or are skipped, while none of them is out.
 */
export const misfiresAreCaughtUp: HistoryRule = (ledger) => {
  const { jobs } = ledger;
  const runsOf = byJob(ledger);
  const plain = [...jobs.values()].filter(
    ({ job, spells }) => isTimed(job) && /^(allow|skip)$/.test(job.overlap ?? "skip") && spells.length === 1,
  );
  return plain.flatMap((story) => {
    const runs = runsOf.get(story.id) ?? [];
    const isFree = ({ index }: Told): boolean => story.job.overlap === "allow" || !runs.some(isOut(index));
    return [...tooMany(story, runs, isFree), ...tooFew(story, ledger, runs, isFree)];
  });
};

/** Whether a run had been given out and had not ended before the line of this index was told. One that was handed back seems so until it ends. */
function isOut(index: number): (run: RunStory) => boolean {
  return ({ claims, ends }) =>
    claims.some((claim) => claim.index < index) &&
    !ends.some((end) => end.what === "ended" && end.index < index);
}

function byJob({ runs }: Ledger): Map<string, RunStory[]> {
  const all = new Map<string, RunStory[]>();
  for (const run of runs.values())
    if (run.job !== undefined) all.set(run.job, [...(all.get(run.job) ?? []), run]);
  return all;
}

/** Whenever one is given out late, those that are due by then and come after it are at most what may be made up for. */
function tooMany(
  { id, job }: JobStory,
  runs: readonly RunStory[],
  isFree: (line: Told) => boolean,
): Finding[] {
  const grace = graceOf(job);
  const most = mostMadeUp(job);
  const firsts = runs.flatMap(({ id: run, fireTime, claims }) => {
    const claim = claims.find(({ attempt }) => attempt === 1);
    return claim === undefined || fireTime === undefined ? [] : [{ run, fireTime, claim }];
  });
  return firsts.flatMap(({ run, fireTime, claim }): Finding[] => {
    if (claim.t - fireTime <= grace || !isFree(claim)) return [];
    const made = firsts.filter(
      (one) => one.fireTime >= fireTime && one.fireTime <= claim.t && one.claim.index >= claim.index,
    );
    if (made.length <= most) return [];
    const message = `${run} was given out ${claim.t - fireTime} ms late, with ${made.length - 1} others that were due by then; ${id} makes up for ${most} once one is later than ${grace} ms.`;
    return [{ rule: "misfire", at: claim.t, message, about: [run, id] }];
  });
}

function mostMadeUp({ misfire }: JobStory["job"]): number {
  const { catchUp = "latest", max = usualMost } = misfire ?? {};
  return catchUp === "none" ? 0 : catchUp === "all" ? max : 1;
}

/**
 * For how many fire times an entry can stand, of those from the first that it names until it was written: what is made up for is left over, and
 * stands behind the first unless the earliest one is. Infinite where nobody knows which were due.
 */
export function mostMissed({ job, spells }: JobStory, entry: End): number {
  const [spell] = spells;
  if (spell === undefined || spells.length > 1 || !Number.isFinite(spell.sureFrom))
    return Number.POSITIVE_INFINITY;
  const due = fireTimesIn(spell, firstOf(entry), Math.max(entry.t, entry.finished)).length;
  return Math.max(0, due - (job.misfire?.catchUp === "earliest" ? 0 : mostMadeUp(job)));
}

function firstOf({ run }: End): number {
  return Number(run.slice(run.lastIndexOf("@") + 1));
}

function tooFew(
  story: JobStory,
  { told, handedBack }: Ledger,
  runs: readonly RunStory[],
  isFree: (line: Told) => boolean,
): Finding[] {
  const { id, job } = story;
  const entries = told.filter(
    (line): line is End =>
      line.what === "ended" &&
      line.state === "m" &&
      line.reason === "misfire" &&
      line.run.startsWith(`${id}@`),
  );
  const isGone = ({ claims, ends }: RunStory, index: number): boolean =>
    ends.some((end) => end.index < index) ||
    claims.some((claim) => claim.index < index && !handedBack(claim));
  return entries.flatMap((entry, number): Finding[] => {
    const { run, t, count, index } = entry;
    if (!isFree(entry)) return [];
    const found = (message: string): Finding[] => [{ rule: "misfire", at: t, message, about: [run, id] }];
    const first = firstOf(entry);
    // What is out or has ended is neither missed nor made up for.
    const gone = runs.filter(({ fireTime = 0 }) => fireTime >= first && fireTime <= t);
    const most = mostMissed(story, entry) - gone.filter((one) => isGone(one, index)).length;
    if (count > most)
      return found(
        `${count} fire times of ${id} that were due from ${first} on were taken for missed, and not ${Math.max(0, most)}; it makes up for ${mostMadeUp(job)}.`,
      );
    if (job.misfire?.catchUp !== "earliest") return [];
    const missed = entries.slice(0, number);
    return isLeftBefore(story, first, missed, runs, (one) => isGone(one, index))
      ? []
      : found(`${run} was taken for missed, with no earlier one left to make up for.`);
  });
}

/** Whether before a fire time there was one that nothing had become of: it may be the one that is made up for. */
function isLeftBefore(
  { spells }: JobStory,
  first: number,
  missed: readonly End[],
  runs: readonly RunStory[],
  isGone: (run: RunStory) => boolean,
): boolean {
  const known = new Map(runs.map((run) => [run.fireTime, run]));
  const times = spells.flatMap((spell) => fireTimesIn(spell, spell.possibleFrom, first - 1));
  const open = times.filter((time) => {
    const run = known.get(time);
    return run === undefined || !isGone(run);
  });
  // Of those of which nothing was ever heard, earlier entries have told.
  const covered = new Set<number>();
  for (const entry of missed)
    for (const time of open
      .filter((one) => one >= firstOf(entry) && !known.has(one) && !covered.has(one))
      .slice(0, entry.count))
      covered.add(time);
  return open.some((time) => !covered.has(time));
}
