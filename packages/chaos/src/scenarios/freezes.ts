import { latenessOf } from "../checker/lateness.js";
import { found } from "../found.js";
import type { ChaosNode } from "../nodes/chaos-node.js";
import { Trial } from "../trial.js";
import { secondly } from "../workload/secondly.js";
import { check, type Scenario, type ScenarioReport } from "./scenario.js";

const freeze = 12_000; // longer than all leases

interface Frozen {
  readonly nodes: number;
  readonly target: string;
  freeze(trial: Trial): Promise<() => unknown>;
}

async function run({ nodes, target, freeze: stop }: Frozen): Promise<ScenarioReport> {
  await using trial = await Trial.start({ nodes });
  await trial.define("tick", secondly(10, { input: { work: 20 } }));
  await trial.define(
    "long",
    secondly(1, { input: { work: 2500 } }).map((job) => ({ ...job, id: "long" })),
  );
  await trial.started(Date.now() + 3000);
  let goOn: (() => unknown) | undefined;
  await trial.fault("freeze", target, async () => {
    goOn = await stop(trial);
  });
  await trial.lasts(freeze);
  const thawedAt = await trial.fault("thaw", target, () => goOn?.());
  await trial.started(thawedAt + 3000);
  const verdict = await trial.verdict(thawedAt + 3000);
  const starts = trial.facts("start");
  const back = await found(() => starts.find(({ at }) => at > thawedAt), 1000);
  return {
    verdict,
    lateness: latenessOf(trial.evidence.read()),
    faults: trial.faults,
    checks: [
      check("starts go on after it", true, `${back.at - thawedAt} ms later`),
      check("every fire time came to its end", verdict.open.length === 0, verdict.open),
    ],
  };
}

async function freezeNode(node: ChaosNode): Promise<() => unknown> {
  node.freeze();
  return () => node.thaw();
}

/** The only node stands still for longer than its leases. */
export const frozenOnlyNode: Scenario = {
  name: "frozen-only-node",
  about: "SIGSTOP of the only node for longer than its leases",
  run: () => run({ nodes: 1, target: "n1", freeze: async (trial) => freezeNode(await trial.leader()) }),
};

/** The leader stands still for longer than its leases. */
export const frozenLeader: Scenario = {
  name: "frozen-leader",
  about: "SIGSTOP of the leader for longer than its leases",
  run: () => run({ nodes: 3, target: "leader", freeze: async (trial) => freezeNode(await trial.leader()) }),
};

/** The store stands still for longer than all leases. */
export const frozenStore: Scenario = {
  name: "frozen-store",
  about: "SIGSTOP of Redis for longer than all leases",
  run: () =>
    run({
      nodes: 3,
      target: "store",
      freeze: async ({ redis }) => {
        await redis.freeze();
        return () => redis.thaw();
      },
    }),
};
