import { rmSync, writeFileSync } from "node:fs";
import { eventually } from "@escapement/testing";
import { every } from "@escapement/triggers";
import type { Violation } from "../../checker/case.js";
import { expectedFireTimes } from "../../checker/expected.js";
import { Trial } from "../../trial.js";
import type { MutantTrial } from "../mutant.js";
import { judged } from "./judged.js";

const id = "changing";

/** A node is deployed with a job, and then with another trigger for it. */
export const redeployed: MutantTrial = {
  name: "redeployed",
  about: "a node defines a job, and then gives it another trigger",
  async run(nodes) {
    await using trial = await Trial.start({ ...nodes, nodes: 0 });
    const file = `${trial.evidence.path}-jobs.json`;
    const declare = (phase: number): void =>
      writeFileSync(
        file,
        JSON.stringify([{ task: "tick", id, trigger: every("1s", { phase }), overlap: "allow" }]),
      );
    declare(0);
    const node = await trial.addNode("n1", { jobs: file });
    await told(trial, "ready", 1);
    node.deploy();
    await eventually(() => trial.facts("elected").length > 0, { within: 20_000 });
    await trial.started(Date.now() + 1000);
    declare(500);
    node.deploy();
    const changedAt = await told(trial, "deployed", 2);
    await trial.started(Date.now() + 2500);
    const due = await trial.client.job(id).get();
    const broken = await judged(trial, Date.now());
    rmSync(file);
    const times = new Set(due === undefined ? [] : expectedFireTimes(due, Date.now()));
    return [...broken, ...late(trial, changedAt, times)];
  },
};

/** Resolves with the time of the `count`th event of a name, once there is one. */
async function told(trial: Trial, name: string, count: number): Promise<number> {
  const all = (): { at: number }[] => trial.facts("event").filter(({ event }) => event === name);
  await eventually(() => all().length >= count, { within: 20_000 });
  return all()[count - 1]?.at ?? 0;
}

/** What starts by the older trigger though the other one was there. */
function late(trial: Trial, changedAt: number, times: ReadonlySet<number>): Violation[] {
  return trial.facts("start").flatMap(({ run, scheduledAt }) => {
    if (scheduledAt <= changedAt || times.has(scheduledAt)) return [];
    const message = `${run} started, of a trigger that the job had no more since ${scheduledAt - changedAt} ms.`;
    return [{ rule: "never-due", message, story: [] }];
  });
}
