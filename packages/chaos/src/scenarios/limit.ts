import { eventually } from "@escapement/testing";
import { once } from "@escapement/triggers";
import { latenessOf } from "../checker/lateness.js";
import { found } from "../found.js";
import { Trial } from "../trial.js";
import { check, type Scenario, type ScenarioReport } from "./scenario.js";

const most = 3;
const count = 200;

/** S11: one-time jobs under a limit that waits, and SIGKILL of a node that holds places: all run, never more than the limit at once. */
export const limitWaits: Scenario = {
  name: "limit",
  about: "200 one-time jobs under a limit of 3, SIGKILL of a node that runs some",
  async run(): Promise<ScenarioReport> {
    const limit = { max: most, whenFull: "wait" } as const;
    await using trial = await Trial.start({ nodes: 3, scheduler: { limit, nodeTtl: "4s" } });
    const at = Date.now() + 4000;
    const jobs = Array.from({ length: count }, (_, index) => ({
      id: `once-${index}`,
      trigger: once(at),
      input: { work: 25 },
    }));
    await trial.define("tick", jobs);
    await eventually(() => trial.facts("end").length > count / 4, { within: 30_000 });
    const victim = await found(
      () => [...trial.nodes.values()].find(({ name }) => trial.running(name).length > 0),
      10_000,
    );
    const held = trial.running(victim.name).length;
    await trial.fault("kill", victim.name, () => victim.kill());
    const verdict = await trial.verdict(at + 1, { within: 60_000 });
    const atOnce = mostAtOnce(await intervals(trial, at));
    const checks = [
      check("the node that was killed held places", held > 0, held),
      check(`never more than ${most} at once, by Redis' clock`, atOnce <= most, atOnce),
      check("the limit was used", atOnce === most, atOnce),
      check(
        "all have started, none was skipped or missed",
        Object.keys(verdict.reasons).length === 0,
        verdict.reasons,
      ),
    ];
    return { verdict, lateness: latenessOf(trial.evidence.read()), faults: trial.faults, checks };
  },
};

/** From when to when each attempt held its place: from the claim until its end was accepted, or its node's was. */
async function intervals(trial: Trial, until: number): Promise<(readonly [number, number])[]> {
  const cases = await trial.cases(until + 1);
  return cases.flatMap(({ history }) =>
    history.flatMap(({ attempts }) =>
      attempts.map(
        ({ startedAt, finishedAt }) =>
          [startedAt?.getTime() ?? 0, finishedAt?.getTime() ?? Number.POSITIVE_INFINITY] as const,
      ),
    ),
  );
}

function mostAtOnce(held: readonly (readonly [number, number])[]): number {
  // At one and the same ms an end comes before a start: both may be of one script.
  const steps = held.flatMap(([start, end]) => [[start, 1] as const, [end, -1] as const]);
  steps.sort(([a, up], [b, other]) => a - b || up - other);
  let [now, highest] = [0, 0];
  for (const [, step] of steps) {
    now += step;
    highest = Math.max(highest, now);
  }
  return highest;
}
