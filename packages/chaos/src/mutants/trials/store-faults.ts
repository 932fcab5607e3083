import { every } from "@escapement/triggers";
import { loseReplies } from "../../faults/link-faults.js";
import { singleServer } from "../../topologies/single.js";
import { Trial } from "../../trial.js";
import { secondly } from "../../workload/secondly.js";
import type { MutantTrial } from "../mutant.js";
import { judged } from "./judged.js";

/** Replies between a node and the store are lost, again and again. */
export const noReplies: MutantTrial = {
  name: "no-replies",
  about: "requests arrive and their replies are cut off, eight times",
  async run(nodes) {
    const topology = (): ReturnType<typeof singleServer> => singleServer("single");
    const scheduler = { leaderTtl: "2s", lookahead: "4s", nodeTtl: "3s" };
    await using trial = await Trial.start({ ...nodes, nodes: 1, topology, scheduler });
    // All through the second, and to this node only, so that some are handed out whenever replies are lost.
    const jobs = secondly(20, { input: { work: 50 } });
    await trial.define(
      "tick",
      jobs.map((job, index) => ({ ...job, trigger: every("1s", { phase: index * 50 }) })),
    );
    await trial.started(Date.now() + 500);
    for (let count = 0; count < 8; count += 1) {
      const [proxy] = (await trial.topology.linkOf("n1")).store;
      await trial.fault("lost-replies", "n1", () => proxy?.blockReplies(true));
      await trial.lasts(150);
      loseReplies(proxy);
      await trial.lasts(350);
    }
    await trial.started(Date.now() + 3500); // nodes have compared what they hold with the store
    return await judged(trial, Date.now());
  },
};

// Runs that are forgotten altogether: they take tokens that nobody takes in their place.
const names = Array.from({ length: 10 }, (_, index) => `forgotten-${index}`);

/** The store loses what it had acknowledged; three voters do not. */
export const rolledBack: MutantTrial = {
  name: "rolled-back",
  about: "the store is put back by two seconds; three voters remember",
  async run(nodes) {
    const topology = (): ReturnType<typeof singleServer> => singleServer("voters-3", { voters: 3 });
    const scheduler = { leaderTtl: "2s", lookahead: "4s", nodeTtl: "4s" };
    await using trial = await Trial.start({ ...nodes, nodes: 2, topology, scheduler });
    await trial.define("tick", secondly(10));
    await trial.started(Date.now() + 1500);
    const savedAt = Date.now();
    const snapshot = await trial.redis.save();
    await Promise.all(names.map((id) => trial.client.enqueue("tick", { id })));
    await trial.started(savedAt + 2000);
    const at = await trial.fault("store-rollback", "store", () => trial.redis.restore(snapshot));
    await trial.started(at + 2000);
    return await judged(trial, at + 1000, { storeRolledBack: true });
  },
};
