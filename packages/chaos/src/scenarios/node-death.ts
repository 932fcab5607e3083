import { eventually } from "@escapement/testing";
import { every } from "@escapement/triggers";
import type { ChaosNode } from "../chaos-node.js";
import { found } from "../found.js";
import { latenessOf } from "../lateness.js";
import { check, type Scenario, type ScenarioReport } from "../scenario.js";
import { Trial } from "../trial.js";

const input = { work: 5000 };
const loose = Array.from({ length: 6 }, (_, index) => ({
  id: `retry-${index}`,
  delivery: "at-least-once" as const,
}));
const strict = Array.from({ length: 6 }, (_, index) => ({
  id: `once-${index}`,
  delivery: "at-most-once" as const,
}));

/** SIGKILL of a node that runs handlers: what it ran starts again elsewhere, or is recorded as lost. */
export const nodeDeath: Scenario = {
  name: "node-death",
  about: "SIGKILL of a node with handlers running",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3, scheduler: { concurrency: 10 } });
    const jobs = [...loose, ...strict].map((job) => ({
      ...job,
      input,
      trigger: every("6s"),
      overlap: "allow" as const,
    }));
    await trial.define("long", jobs);
    const runs = (kind: string, node: string): string[] =>
      trial.running(node).flatMap(({ run }) => (run.startsWith(kind) ? [run] : []));
    // Any node will do, the leader too: its death must not make it take longer.
    const holdsBoth = ({ name }: ChaosNode): boolean =>
      runs("retry", name).length > 0 && runs("once", name).length > 0;
    const victim = await found(() => [...trial.nodes.values()].find(holdsBoth), 20_000);
    const leads = victim === (await trial.leader());
    const killedAt = await trial.fault("kill", victim.name, () => victim.kill());
    const [retried, given] = [runs("retry", victim.name), runs("once", victim.name)];
    const seconds = (): number[] =>
      trial
        .facts("start")
        .flatMap((line) => (retried.includes(line.run) && line.attempt === 2 ? [line.at - killedAt] : []));
    await eventually(() => seconds().length === retried.length, { within: 20_000 }).catch(() => undefined);
    const until = killedAt + 12_000;
    const verdict = await trial.verdict(until);
    const kept = await Promise.all([...retried, ...given].map((run) => trial.client.run(run).get()));
    const states = kept.map((run) => `${run?.jobId} ${run?.state} after ${run?.attempt}`);
    const histories = await trial.cases(until);
    const lostInHistory = given.filter((run) =>
      histories.some(({ history }) => history.some(({ id, state }) => id === run && state === "lost")),
    );
    const again = trial.facts("start").filter(({ run, attempt }) => given.includes(run) && attempt > 1);
    return {
      verdict,
      lateness: latenessOf(trial.evidence.read()),
      faults: trial.faults,
      checks: [
        check("each at-least-once run starts again as attempt 2", seconds().length === retried.length, {
          runs: retried.length,
          startedAgain: seconds().length,
        }),
        check("within 15 s of the kill", Math.max(...seconds()) < 15_000, { leads, ms: seconds() }),
        check(
          "each at-most-once run is recorded as lost and not started again",
          again.length === 0 && lostInHistory.length === given.length,
          given.length,
        ),
        check(
          "run(id).get() tells both",
          kept.every((run) => run?.state === (retried.includes(run?.id ?? "") ? "succeeded" : "lost")),
          states,
        ),
        check(
          "the lost attempts are in the history",
          kept.every((run) => run?.attempts[0]?.state === "lost"),
          kept.map((run) => run?.attempts.map(({ state }) => state)),
        ),
      ],
    };
  },
};
