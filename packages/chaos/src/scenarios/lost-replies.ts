import { startProxy, type TcpProxy } from "@escapement/testing";
import { loseReplies } from "../inject.js";
import { latenessOf } from "../lateness.js";
import { seededRandom } from "../random.js";
import { check, type Scenario, type ScenarioReport } from "../scenario.js";
import { Trial } from "../trial.js";
import { secondly } from "../workload.js";

const losses = 40;

/** Replies between the nodes and the store are lost again and again: what a node asked for happened, and it does not know. */
export const lostReplies: Scenario = {
  name: "lost-replies",
  about: "Requests arrive and their replies are cut off, again and again",
  async run(): Promise<ScenarioReport> {
    const proxies: TcpProxy[] = [];
    await using trial = await Trial.start({
      nodes: 3,
      storeFor: async (_, url) => {
        const proxy = await startProxy(url);
        proxies.push(proxy);
        return proxy.url;
      },
    });
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
    await Promise.all(proxies.map((proxy) => proxy.stop()));
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
