import { every } from "@escapement/triggers";
import { latenessOf } from "../checker/lateness.js";
import { Trial } from "../trial.js";
import { check, type Scenario, type ScenarioReport } from "./scenario.js";

const away = 8000;
const common = { trigger: every("1s"), overlap: "allow" as const };
// How many fire times of the outage each job is to make up for.
const made: Readonly<Record<string, number>> = {
  patient: 99,
  latest: 1,
  earliest: 1,
  none: 0,
  all: 99,
  three: 3,
};

/** All nodes are killed and come back after a while: each job's catch-up says what runs of what was missed. */
export const outage: Scenario = {
  name: "outage",
  about: "All nodes SIGKILLed, and started again after a while",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 2 });
    await trial.define("tick", [
      { id: "patient", ...common },
      { id: "latest", ...common, misfire: { grace: 2000 } },
      { id: "earliest", ...common, misfire: { grace: 2000, catchUp: "earliest" } },
      { id: "none", ...common, misfire: { grace: 2000, catchUp: "none" } },
      { id: "all", ...common, misfire: { grace: 2000, catchUp: "all" } },
      { id: "three", ...common, misfire: { grace: 2000, catchUp: "all", max: 3 } },
    ]);
    await trial.started(Date.now() + 3000);
    const killedAt = await trial.fault("kill-all", "nodes", () =>
      Promise.all([...trial.nodes.values()].map((node) => node.kill())),
    );
    await trial.lasts(away);
    const backAt = await trial.fault("start-all", "nodes", () =>
      Promise.all([trial.addNode("n3"), trial.addNode("n4")]),
    );
    await trial.started(backAt + 3000);
    const verdict = await trial.verdict(backAt + 3000);
    // What was due while nobody was there: until the first start after it.
    const firstAt = trial
      .facts("start")
      .reduce((first, { at }) => (at > backAt && at < first ? at : first), Number.POSITIVE_INFINITY);
    const ranOf = (job: string): number =>
      trial.facts("start").filter(({ run, scheduledAt, attempt }) => {
        return run.startsWith(`${job}@`) && attempt === 1 && scheduledAt > killedAt && scheduledAt <= firstAt;
      }).length;
    const ran = Object.fromEntries(Object.keys(made).map((job) => [job, ranOf(job)]));
    // The leader and a worker look one after the other: a fire time may come between the two.
    const astray = Object.entries(made).filter(([job, count]) => {
      const times = ran[job] ?? -1;
      return times < Math.min(count, away / 1000 - 1) || times > count + 1;
    });
    return {
      verdict,
      lateness: latenessOf(trial.evidence.read()),
      faults: trial.faults,
      checks: [
        check("each job's catch-up decides what runs of what was missed", astray.length === 0, ran),
        check("every fire time came to its end", verdict.open.length === 0, verdict.open),
      ],
    };
  },
};
