import { listPauses, type PauseInfo } from "../read-pauses.js";
import { runsIn } from "./backlog.js";
import { about, type Finding, lasted } from "./finding.js";
import type { Inspection } from "./picture.js";

/** How many pauses are told of one by one. */
const told = 20;

/** For how long, by whom and why, as it follows what is paused. @param now ms */
export function howPaused({ since, by, reason }: PauseInfo, now: number): string {
  const length = since === undefined ? "" : `for ${lasted(now - since.getTime())} `;
  return `${length}by ${by ?? "somebody unnamed"} ("${reason}")`;
}

/** Pauses that somebody may have forgotten: one of everything while something is due, and those that last longer than the option `pausedTooLong`. */
export async function examinePauses(inspection: Inspection): Promise<Finding[]> {
  const { ok, warning } = about("pauses");
  const { now } = await inspection.picture();
  const pauses = await listPauses(inspection.store);
  const everything = pauses.find(({ target }) => target === "all");
  const due = everything === undefined ? "" : await dueUnderIt(inspection);
  const findings =
    everything === undefined || due === ""
      ? []
      : [
          warning(
            `Everything has been paused ${howPaused(everything, now)}, and ${endOf(everything)}. None of it starts, though ${due}. ` +
              "Is that still wanted? If not, resume it: escapement resume all.",
          ),
        ];
  const long = pauses.filter(
    ({ target, since }) =>
      since !== undefined &&
      now - since.getTime() > inspection.settings.pausedTooLong &&
      !(target === "all" && findings.length > 0),
  );
  if (long.length === 0 && findings.length === 0)
    return [ok(pauses.length === 0 ? "Nothing is paused." : `${pauses.length} paused, none for long.`)];
  for (const pause of long.slice(0, told))
    findings.push(
      warning(
        `${pause.target} has been paused ${howPaused(pause, now)}, and ${endOf(pause)}. ` +
          `Nothing of it starts. Is that still wanted? If not, resume it: escapement resume ${pause.target}.`,
      ),
    );
  const rest = long.length - told;
  return rest > 0 ? [...findings, warning(`${rest} more are paused for as long.`)] : findings;
}

function endOf({ until }: PauseInfo): string {
  return until === undefined ? "it has no end of its own" : `it ends at ${until.toISOString()}`;
}

/** What a pause of everything holds back now; empty: nothing. */
async function dueUnderIt({ backlog }: Inspection): Promise<string> {
  const { lanes, unsorted, heldJobs } = await backlog();
  const runs = runsIn(lanes) + unsorted;
  return [
    ...(runs === 0 ? [] : [`${runs} runs are due`]),
    ...(heldJobs === 0 ? [] : [`fire times of ${heldJobs} jobs have come`]),
  ].join(" and ");
}
