import { eventually } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { found } from "../../found.js";
import type { ChaosNode } from "../../nodes/chaos-node.js";
import { Trial } from "../../trial.js";
import { secondly } from "../../workload/secondly.js";
import type { MutantTrial } from "../mutant.js";
import { judged, triedOnce } from "./judged.js";

const times = { leaderTtl: "2s", lookahead: "4s", nodeTtl: "3s" };

/** A node stands still until it was declared dead and what it held runs again, and then goes on. */
export const frozen: MutantTrial = {
  name: "frozen",
  about: "SIGSTOP of a node while it runs something, SIGCONT when that runs again elsewhere",
  async run(nodes) {
    await using trial = await Trial.start({ ...nodes, nodes: 2, scheduler: times });
    await defineLong(trial, 3000);
    const victim = await busyNode(trial);
    const id = trial.facts("up").findLast(({ node }) => node === victim.name)?.id;
    await trial.fault("freeze", victim.name, () => victim.freeze());
    await died(trial, id);
    const again = (): boolean => trial.facts("start").some(({ attempt }) => attempt > 1);
    await eventually(again, { within: 10_000 });
    await trial.fault("thaw", victim.name, () => victim.thaw());
    await trial.started(Date.now() + 3000);
    return await judged(trial, Date.now());
  },
};

/** A node is killed while it runs something. */
export const killed: MutantTrial = {
  name: "killed",
  about: "SIGKILL of a node while it runs something",
  async run(nodes) {
    await using trial = await Trial.start({ ...nodes, nodes: 2, scheduler: { ...times, sweepEvery: "1s" } });
    await defineLong(trial, 1500);
    const victim = await busyNode(trial);
    const id = trial.facts("up").findLast(({ node }) => node === victim.name)?.id;
    await trial.fault("kill", victim.name, () => victim.kill());
    await died(trial, id);
    await trial.started(Date.now() + 1500);
    return [...(await judged(trial, Date.now(), { within: 8000 })), ...triedOnce(trial, once)];
  },
};

/** All nodes are killed, for longer than what is written beforehand lasts. */
export const noNodes: MutantTrial = {
  name: "no-nodes",
  about: "no node runs for longer than the lookahead",
  async run(nodes) {
    const short = { leaderTtl: "1s", lookahead: "1500ms", nodeTtl: "3s" };
    await using trial = await Trial.start({ ...nodes, nodes: 1, scheduler: short });
    await trial.define("tick", [
      ...secondly(5),
      { id: "not-late", trigger: every("500ms"), misfire: { grace: "1s", catchUp: "none" } },
    ]);
    await trial.started(Date.now() + 1000);
    await trial.fault("kill", "n1", () => trial.nodes.get("n1")?.kill());
    await trial.lasts(4000);
    await trial.addNode("n2");
    await trial.started(Date.now() + 500);
    return await judged(trial, Date.now(), { within: 8000 });
  },
};

const once = "long-once";

async function defineLong(trial: Trial, work: number): Promise<void> {
  await trial.define("tick", secondly(5));
  const long = { trigger: every("2s"), overlap: "allow", input: { work } } as const;
  await trial.define("long", [
    { ...long, id: "long-1" },
    { ...long, id: "long-2" },
    { ...long, id: once, delivery: "at-most-once", concurrencyKey: "places", concurrencyLimit: 5 },
  ]);
}

/** A node that has just begun with something that takes long. */
function busyNode(trial: Trial): Promise<ChaosNode> {
  const isLong = (name: string): boolean =>
    trial.running(name).some(({ run, at }) => run.startsWith("long") && Date.now() - at < 800);
  return found(() => [...trial.nodes.values()].find(({ name }) => isLong(name)), 15_000);
}

/** Resolves when another node has said that this identity is dead. */
async function died(trial: Trial, id: string | undefined): Promise<void> {
  const said = (): boolean =>
    trial
      .facts("event")
      .some(({ event, details }) => event === "nodeDead" && (details as { node: string }).node === id);
  await eventually(said, { within: 20_000 });
}
