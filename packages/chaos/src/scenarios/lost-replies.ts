import { latenessOf } from "../checker/lateness.js";
import { loseReplies } from "../faults/link-faults.js";
import { seededRandom } from "../random.js";
import { singleServer } from "../topologies/single.js";
import { Trial } from "../trial.js";
import { secondly } from "../workload/secondly.js";
import { check, type Scenario, type ScenarioReport } from "./scenario.js";

const losses = 40;

/** Replies between the nodes and the store are lost again and again: what a node asked for happened, and it does not know. */
export const lostReplies: Scenario = {
  name: "lost-replies",
  about: "Requests arrive and their replies are cut off, again and again",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({
      nodes: 3,
      topology: () => singleServer("single"),
    });
    const links = await Promise.all([...trial.nodes.keys()].map((node) => trial.topology.linkOf(node)));
    const proxies = links.flatMap(({ store }) => store);
    await trial.define("tick", secondly(30));
    await trial.define(
      "tick",
      secondly(5, { overlap: "skip", input: { work: 150 } }).map((job) => ({ ...job, id: `skip-${job.id}` })),
    );
    const random = seededRandom(1);
    for (let count = 0; count < losses; count += 1) {
      const proxy = proxies[count % proxies.length];
      await trial.fault("lost-replies", `n${(count % proxies.length) + 1}`, () => proxy?.blockReplies(true));
      await trial.lasts(random.between(5, 300));
      loseReplies(proxy);
      await trial.lasts(random.between(50, 500));
    }
    await trial.started(Date.now() + 1000);
    const verdict = await trial.verdict(Date.now());
    const deaths = trial.facts("event").filter(({ event }) => event === "nodeDead");
    return {
      verdict,
      lateness: latenessOf(trial.evidence.read()),
      faults: trial.faults,
      checks: [
        check("no node died of it", deaths.length === 0, deaths.length),
        check("no attempt was lost", verdict.retried === 0, verdict.retried),
        check("every fire time came to its end", verdict.open.length === 0, verdict.open),
      ],
    };
  },
};
