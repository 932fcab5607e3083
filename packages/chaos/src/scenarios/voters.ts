import type { Finding } from "@escapement/core";
import { every } from "@escapement/triggers";
import { latenessOf } from "../checker/lateness.js";
import { found } from "../found.js";
import { singleServer } from "../topologies/single.js";
import { Trial } from "../trial.js";
import { secondly } from "../workload/secondly.js";
import { check, type Scenario, type ScenarioReport } from "./scenario.js";

const voters3 = (): ReturnType<typeof singleServer> => singleServer("voters-3", { voters: 3 });

/** One of three voters is killed, then another, and one comes back. */
export const votersDown: Scenario = {
  name: "voters-down",
  about: "Of three voters one is killed, then two, then one comes back",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3, topology: voters3 });
    await trial.define("tick", secondly(10));
    await trial.started(Date.now() + 2000);
    const voter = (index: number) => trial.topology.voters[index];
    await trial.fault("voter-kill", "voter 1", () => voter(0)?.kill());
    const oneDown = Date.now();
    await trial.started(oneDown + 5000);
    await trial.fault("voter-kill", "voter 2", () => voter(1)?.kill());
    const twoDown = Date.now();
    const told = await found(() => {
      const lost = trial.facts("event").filter(({ event }) => event === "votersLost");
      return new Set(lost.map(({ node }) => node)).size === 3 ? lost : undefined;
    }, 10_000);
    const finding = await found(() => votersFinding(trial), 10_000);
    await trial.lasts(5000);
    const backAt = await trial.fault("voter-restart", "voter 2", () => voter(1)?.restart());
    await trial.started(backAt + 2000);
    const verdict = await trial.verdict(backAt + 2000);
    const starts = trial.facts("start");
    const meanwhile = starts.filter(({ at }) => at > twoDown && at < backAt);
    const late = starts.filter(({ scheduledAt }) => scheduledAt > twoDown && scheduledAt < backAt);
    const withOneDown = starts.filter(({ at }) => at > oneDown && at < oneDown + 5000);
    return {
      verdict,
      lateness: latenessOf(trial.evidence.read()),
      faults: trial.faults,
      checks: [
        check("with one voter down runs go on", withOneDown.length >= 40, withOneDown.length),
        check("with two down nothing starts", meanwhile.length === 0, meanwhile.length),
        check("the nodes say why", told.length >= 3, told[0]?.details),
        check("doctor says why", finding.level === "error", finding.message),
        check("what became due meanwhile runs once", late.length >= 50, late.length),
        check("every fire time came to its end", verdict.open.length === 0, verdict.open),
        check("no attempt was lost", verdict.retried === 0, verdict.retried),
      ],
    };
  },
};

async function votersFinding(trial: Trial): Promise<Finding | undefined> {
  return (await trial.client.doctor()).find(
    (finding) => finding.check === "voters" && finding.level === "error",
  );
}

/** The store is put back to what it was some seconds before, as by a failover that loses acknowledged writes. */
export const storeRollback: Scenario = {
  name: "store-rollback",
  about: "The store loses acknowledged writes; three voters remember the claims",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3, topology: voters3 });
    await trial.define("tick", secondly(10));
    await trial.define(
      "long",
      secondly(3).map((job, index) => ({ ...job, id: `long-${index}`, input: { work: 1500 } })),
    );
    await trial.define(
      "tick",
      secondly(1, { input: { work: 700 }, overlap: "skip", trigger: every("3s") }).map((job) => ({
        ...job,
        id: "skip",
      })),
    );
    await trial.started(Date.now() + 3000);
    const savedAt = Date.now();
    const snapshot = await trial.redis.save();
    await trial.started(savedAt + 3000);
    const restoredAt = await trial.fault("store-rollback", "store", () => trial.redis.restore(snapshot));
    await trial.started(restoredAt + 5000);
    const verdict = await trial.verdict(restoredAt + 3000, { within: 40_000, storeRolledBack: true });
    const lost = trial.facts("start").filter(({ at }) => at >= savedAt && at < restoredAt);
    const again = trial
      .facts("start")
      .filter(
        ({ run, at, attempt }) => at > restoredAt && attempt > 1 && lost.some((one) => one.run === run),
      );
    const refused = trial.facts("event").filter(({ event }) => event === "lockRefused");
    return {
      verdict,
      lateness: latenessOf(trial.evidence.read()),
      faults: trial.faults,
      checks: [
        check("no attempt that the store forgot started again", verdict.duplicates === 0, {
          forgotten: lost.length,
          duplicates: verdict.duplicates,
        }),
        check("the voters refused them", refused.length > 0, refused.length),
        check("they started again as a further attempt", again.length > 0, again.length),
        check("every fire time came to its end", verdict.open.length === 0, verdict.open),
      ],
    };
  },
};
