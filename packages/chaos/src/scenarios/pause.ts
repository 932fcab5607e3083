import { every } from "@escapement/triggers";
import { latenessOf } from "../lateness.js";
import { check, type Scenario, type ScenarioReport } from "../scenario.js";
import { Trial } from "../trial.js";

/** A pause, and SIGKILL of the leader in the same second: nothing starts until it is over, under the next leader either. */
export const pauseHolds: Scenario = {
  name: "pause",
  about: "a pause of one job and SIGKILL of the leader in the same second, resumed under the next leader",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3, scheduler: { leaderTtl: "2s" } });
    const begin = Date.now();
    const trigger = every("200ms");
    await trial.define("tick", [
      { id: "paused", trigger },
      { id: "other", trigger },
    ]);
    await trial.started(begin + 2000);
    const leader = await trial.leader();
    await trial.client.pause({ job: "paused" }, { reason: "wrong figures" });
    const [from, killed] = [Date.now(), Date.now()];
    await trial.fault("kill", leader.name, () => leader.kill());
    await trial.started(killed + 6000); // the other job's: somebody leads, and nodes claim
    const to = Date.now();
    const resumed = await trial.client.resume({ job: "paused" });
    await trial.started(to + 2000);
    const verdict = await trial.verdict(to + 2000);
    const starts = (job: string): number =>
      trial.facts("start").filter(({ run, at }) => run.startsWith(`${job}@`) && at > from + 100 && at < to)
        .length;
    return {
      verdict,
      lateness: latenessOf(trial.evidence.read(), begin, killed),
      faults: trial.faults,
      checks: [
        check("nothing of the job starts while it is paused", starts("paused") === 0, starts("paused")),
        check("other jobs go on", starts("other") > 20, starts("other")),
        check(
          "another leader was elected",
          new Set(trial.facts("elected").map(({ node }) => node)).size > 1,
          "",
        ),
        check("the pause was there to be ended", resumed, resumed),
        check("every fire time came to its end", verdict.open.length === 0, verdict.open),
      ],
    };
  },
};
