import { isDeepStrictEqual } from "node:util";
import { latenessOf } from "../checker/lateness.js";
import { attemptRules } from "../crash-rules/attempts.js";
import { jobRules } from "../crash-rules/jobs.js";
import { type CrashRule, heir, queue, Stage, victim } from "../crash-rules/stage.js";
import { Trial } from "../trial.js";
import { type Check, check, type Scenario, type ScenarioReport } from "./scenario.js";

/** All rules that are tried. */
export const rules: readonly CrashRule[] = [...attemptRules, ...jobRules];

/** The name of a rule, as of its check. */
export const nameOf = ({ row, says }: CrashRule): string => `${row}: ${says}`;

/** Each rule that speaks of a crash is set up on one node, which gets SIGKILL; another one comes after it. */
export const crashRules: Scenario = {
  name: "crash-rules",
  about: `${rules.length} rules of jobs and runs, tried on a node that gets SIGKILL`,
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({
      nodes: 1,
      scheduler: { nodeTtl: "3s", abortGrace: "500ms", concurrency: 100 },
    });
    // It gives up nothing that was cancelled before it dies.
    const own = { scheduler: { queues: [queue], abortGrace: "5m" } };
    const node = await trial.addNode(victim, own);
    await using stage = new Stage(trial);
    const settings = await Promise.all(rules.map((rule) => rule.prepare(stage)));
    await trial.fault("kill", victim, () => node.kill());
    await Promise.all(settings.map((setting) => setting.meanwhile?.()));
    await trial.addNode(heir, { scheduler: { queues: [queue] } });
    const checks = await Promise.all(
      settings.map(async ({ after }, index): Promise<Check> => {
        const [seen, expected] = await after().catch((error: unknown) => [String(error), "an end"] as const);
        const holds = isDeepStrictEqual(seen, expected);
        return check(nameOf(rules[index] as CrashRule), holds, holds ? seen : { seen, expected });
      }),
    );
    const verdict = await trial.verdict(Date.now());
    return { verdict, lateness: latenessOf(trial.evidence.read()), faults: trial.faults, checks };
  },
};
