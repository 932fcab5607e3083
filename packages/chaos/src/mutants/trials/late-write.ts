import { eventually } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { singleServer } from "../../topologies/single.js";
import type { Topology } from "../../topologies/topology.js";
import { Trial } from "../../trial.js";
import { secondly } from "../../workload/secondly.js";
import { type HeldRequests, heldRequests, reachedBy } from "../held-requests.js";
import type { MutantTrial } from "../mutant.js";
import { judged } from "./judged.js";

// Only a leader without tasks of its own sends names of runs for no other reason than to write them.
const written = "tick-1@";
const leader = { scheduler: { roles: ["leader"] } } as const;

/** What a leader writes is on its way for so long that another one leads meanwhile, and what was to be written has run. */
export const lateLeader: MutantTrial = {
  name: "late-leader",
  about: "what a leader writes arrives when another one has led for a while",
  async run(nodes) {
    const { topology, way } = await heldTopology();
    const times = { leaderTtl: "1s", lookahead: "2s", nodeTtl: "4s" };
    await using trial = await Trial.start({ ...nodes, nodes: 0, topology, scheduler: times });
    await startLeader(trial);
    await trial.addNode("n2");
    await trial.define("tick", secondly(3));
    await trial.started(Date.now() + 1000);
    await way.hold(written);
    await eventually(() => trial.facts("elected").some(({ node }) => node === "n2"), { within: 15_000 });
    await trial.started(Date.now() + 2500);
    way.release();
    await trial.started(Date.now() + 1500);
    return await judged(trial, Date.now());
  },
};

/** What a leader writes is on its way while a job gets another trigger. */
export const lateOfChanged: MutantTrial = {
  name: "late-of-changed",
  about: "what a leader writes of a job arrives when that has another trigger",
  async run(nodes) {
    const { topology, way } = await heldTopology();
    const times = { leaderTtl: "10s", lookahead: "15s", deadline: "10s" };
    await using trial = await Trial.start({ ...nodes, nodes: 0, topology, scheduler: times });
    await startLeader(trial);
    await trial.addNode("n2", { scheduler: { roles: ["worker"] } });
    const held = way.hold(written);
    await trial.define("tick", secondly(1));
    await held;
    await trial.retrigger("tick-1", every("1s", { phase: 500 }));
    way.release();
    await trial.started(Date.now() + 2500);
    return await judged(trial, Date.now(), { within: 5000 });
  },
};

async function heldTopology(): Promise<{ topology: () => Promise<Topology>; way: HeldRequests }> {
  const single = await singleServer("single", { proxies: false });
  const [store] = single.store;
  if (store === undefined) throw new Error("The topology has no server");
  const way = await heldRequests(store.url);
  return { topology: async () => reachedBy(single, "n1", way), way };
}

async function startLeader(trial: Trial): Promise<void> {
  await trial.addNode("n1", leader);
  await eventually(() => trial.facts("elected").length > 0, { within: 20_000 });
}
