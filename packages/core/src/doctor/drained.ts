import { runsIn } from "./backlog.js";
import { about, type Finding, some } from "./finding.js";
import { howPaused } from "./pauses.js";
import type { Inspection } from "./picture.js";

/** Whether some node is left to take what is due: each may have been drained by somebody who meant only that one. */
export async function examineDrained({ picture, backlog }: Inspection): Promise<Finding[]> {
  const { ok, warning, error } = about("nodes");
  const { alive, now } = await picture();
  const { lanes, unsorted, pauses } = await backlog();
  const workers = alive.filter(({ roles }) => roles.includes("worker"));
  const drained = workers.flatMap(({ id }) => {
    const pause = pauses.get(`node:${id}`);
    return pause === undefined ? [] : [{ id, how: `${id} ${howPaused(pause, now)}` }];
  });
  if (drained.length === 0) return [];
  const who = some(drained.map(({ how }) => how));
  if (drained.length < workers.length)
    return [ok(`${drained.length} of ${workers.length} workers are drained: ${who}.`)];
  const due = runsIn(lanes.filter(({ heldBy }) => heldBy === undefined)) + unsorted;
  const [say, meaning] =
    due === 0
      ? [warning, "nothing is due yet; what comes due will not start"]
      : [error, `of the ${due} runs that are due none starts`];
  return [
    say(
      `Every running worker is drained, so that ${meaning}: ${who}. Start another, or let one take runs again: ` +
        `escapement nodes undrain ${drained[0]?.id}.`,
    ),
  ];
}
