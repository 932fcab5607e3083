import { every } from "@escapement/triggers";
import { latenessOf } from "../checker/lateness.js";
import { Trial } from "../trial.js";
import { secondly } from "../workload/secondly.js";
import { check, type Scenario, type ScenarioReport } from "./scenario.js";

/** The store is restarted under the running cluster, by SIGTERM and by SIGKILL. */
export const redisRestart: Scenario = {
  name: "redis-restart",
  about: "Redis restarted by SIGTERM and by SIGKILL under the running cluster",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3 });
    await trial.define("tick", secondly(20));
    await trial.define("long", [{ id: "long", trigger: every("2s"), input: { work: 1500 } }]);
    await trial.started(Date.now() + 4000);
    await trial.fault("redis-restart", "store", () => trial.redis.restart());
    await trial.started(Date.now() + 4000);
    await trial.fault("redis-kill", "store", async () => {
      await trial.redis.kill();
      await trial.redis.restart();
    });
    await trial.started(Date.now() + 4000);
    const verdict = await trial.verdict(Date.now());
    const evidence = trial.evidence.read();
    const deaths = trial.facts("event").filter(({ event }) => event === "nodeDead");
    const restored = new Set(
      trial.facts("event").flatMap(({ event, node }) => (event === "storeRestored" ? [node] : [])),
    );
    return {
      verdict,
      lateness: latenessOf(evidence),
      faults: trial.faults,
      checks: [
        check("every node reconnected by itself", restored.size === 3, [...restored]),
        check("no node died of it", deaths.length === 0, deaths.length),
        check("every fire time came to its end", verdict.open.length === 0, verdict.open),
      ],
    };
  },
};
