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
 * no more start, and where the latest ones are to be made up for, not all are taken for missed. Of jobs whose definition never changed and whose
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
    return [...tooMany(story, runs, isFree), ...tooFew(story, ledger, isFree)];
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

function tooFew(story: JobStory, { told }: Ledger, isFree: (line: Told) => boolean): Finding[] {
  const { id, job, spells } = story;
  const { catchUp = "latest" } = job.misfire ?? {};
  if (catchUp === "none" || catchUp === "earliest") return [];
  const entries = told.filter(
    (line): line is End =>
      line.what === "ended" &&
      line.state === "m" &&
      line.reason === "misfire" &&
      line.run.startsWith(`${id}@`),
  );
  return entries.flatMap((entry): Finding[] => {
    const { run, t, count } = entry;
    if (!isFree(entry)) return [];
    const first = Number(run.slice(id.length + 1));
    const due = spells.flatMap((spell) => fireTimesIn(spell, first, t)).length;
    if (count < due) return [];
    const message = `All ${due} fire times of ${id} that were due from ${first} on were taken for missed; it makes up for the latest.`;
    return [{ rule: "misfire", at: t, message, about: [run, id] }];
  });
}
