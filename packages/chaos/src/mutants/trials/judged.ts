import { Redis } from "ioredis";
import { show, type Violation } from "../../checker/case.js";
import { judgePauses, mostUntilGoingOn, type Pausable } from "../../pauses/pause-rules.js";
import type { Trial } from "../../trial.js";

/** For so many ms more the machine may be busy. */
const busy = 2000;

/**
 * Broken rules of a whole trial: those of the checker; runs that have not ended in `within` ms; and what the sweeper had to mend, which nothing has
 * broken in a store that kept its writes. Stops the nodes.
 */
export async function judged(
  trial: Trial,
  until: number,
  how: { readonly within?: number; readonly storeRolledBack?: boolean } = {},
): Promise<Violation[]> {
  const { violations, open } = await trial.verdict(until, { within: 20_000, ...how });
  const mended = how.storeRolledBack ? {} : await mendedIn(trial);
  const left = `${open.length} runs have not ended: ${open.slice(0, 5).join(" ")}`;
  return [
    ...violations,
    ...(open.length === 0 ? [] : [broken("open", left)]),
    ...Object.entries(mended).map(([what, times]) =>
      broken("mended", `The sweeper found: ${what}, ${times} times.`),
    ),
  ];
}

function broken(rule: string, message: string): Violation {
  return { rule, message, story: [] };
}

async function mendedIn(trial: Trial): Promise<Record<string, string>> {
  const redis = new Redis(trial.redis.url);
  try {
    return await redis.hgetall(`escapement:{${trial.client.namespace}}:mended`);
  } finally {
    await redis.quit();
  }
}

/** What is delivered at most once has one attempt. */
export function triedOnce(trial: Trial, job: string): Violation[] {
  return trial.facts("start").flatMap(({ run, attempt, node }) => {
    if (!run.startsWith(`${job}@`) || attempt === 1) return [];
    return [
      broken("needless-attempt", `${run}#${attempt} started on ${node}, and it is delivered at most once.`),
    ];
  });
}

/** In a trial without faults nobody dies. */
export function nobodyDies(trial: Trial): Violation[] {
  return trial.facts("event").flatMap(({ event, node, details }) => {
    if (event !== "nodeDead") return [];
    return [
      broken(
        "needless-death",
        `${node} says of a node that it died, and nothing had befallen any: ${show(details)}`,
      ),
    ];
  });
}

/** What was handed out while it was paused. */
export function pausesHold(trial: Trial, jobs: readonly Pausable[]): Violation[] {
  return judgePauses(trial.evidence.read(), jobs).claimed.map(({ what, pause, ms }) =>
    broken(
      "paused",
      `${what} was handed out ${Math.round(ms)} ms after pause:${pause} had been acknowledged.`,
    ),
  );
}

/** What a pause held back goes on when that is over, and does not wait for the sweeper. */
export function pausesEnd(trial: Trial, jobs: readonly Pausable[]): Violation[] {
  return judgePauses(trial.evidence.read(), jobs).wentOn.flatMap(({ what, pause, ms }) => {
    const message = `${what} began ${Math.round(ms)} ms after the end of pause:${pause}, which had held it back.`;
    return ms <= mostUntilGoingOn + busy ? [] : [broken("held-on", message)];
  });
}

/** No more of these jobs' attempts are held at once than their limit allows, by Redis' clock. */
export async function limitHolds(
  trial: Trial,
  until: number,
  jobs: readonly string[],
  most: number,
): Promise<Violation[]> {
  const steps = (await trial.cases(until))
    .filter(({ id }) => jobs.includes(id))
    .flatMap(({ history }) => history.flatMap(({ attempts }) => attempts))
    .flatMap(({ startedAt, finishedAt }) =>
      startedAt === undefined || finishedAt === undefined
        ? []
        : [
            { at: startedAt.getTime(), step: 1 },
            { at: finishedAt.getTime(), step: -1 },
          ],
    );
  // At one and the same ms an end comes before a start: both may be of one script.
  steps.sort((a, b) => a.at - b.at || a.step - b.step);
  let [now, highest] = [0, 0];
  for (const { step } of steps) {
    now += step;
    highest = Math.max(highest, now);
  }
  const message = `${highest} attempts of ${jobs.join(", ")} were held at once; their limit is ${most}.`;
  return highest > most ? [broken("limit", message)] : [];
}
