import { every } from "@escapement/triggers";
import { latenessOf, latenessWithin } from "../checker/lateness.js";
import { found } from "../found.js";
import type { ChaosNode } from "../nodes/chaos-node.js";
import { Trial } from "../trial.js";
import { type Check, check, type Length, type Scenario, type ScenarioReport } from "./scenario.js";

const calm = 5000; // of steady running before each death
const hit = 12_000; // from a death until its node's lease is over, another leads and what it held has been given away

/** What is compared: the time around each death with the calm before it, in one run. */
interface Death {
  readonly victim: string;
  /** Wall clock, ms. */
  readonly killedAt: number;
  readonly electedAt: number;
}

/** SIGKILL of one leader after the other, under many fire times a second. */
export const leaderDeaths: Scenario = {
  name: "leader-deaths",
  about: "SIGKILL of 10 leaders, one after the other, under 1,000 fire times a second (--deaths, --rate)",
  async run({ deaths: count = 10, rate = 1000 }: Length = {}): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3, scheduler: { concurrency: 100 } });
    await trial.define(
      "tick",
      Array.from({ length: rate }, (_, index) => ({
        id: `tick-${index}`,
        // Spread over the second, so that something is due at each moment.
        trigger: every("1s", { phase: Math.floor((index * 1000) / rate) }),
        overlap: "allow" as const,
      })),
    );
    // A node's first seconds, in which its code is compiled, are nobody's measure.
    await trial.lasts(calm);
    const deaths: Death[] = [];
    for (let number = 1; number <= count; number += 1) deaths.push(await killLeader(trial, number));
    await trial.lasts(calm);
    const until = Date.now();
    // What was due by then has started long since; hundreds of thousands of runs are looked through more quickly without more of them.
    await trial.lasts(calm);
    await trial.client.pause("all", { reason: "the deaths are over" });
    const verdict = await trial.verdict(until, { within: 60_000 });
    const evidence = trial.evidence.read();
    const lateness = latenessOf(evidence);
    return { verdict, lateness, faults: trial.faults, checks: timing(trial, deaths, rate) };
  },
};

/** A calm time, a death, and all that comes of it; another node takes the place of the one that died. */
async function killLeader(trial: Trial, number: number): Promise<Death> {
  await trial.lasts(calm);
  const leader = await trial.leader();
  const killedAt = await trial.fault("kill", leader.name, () => leader.kill());
  await trial.addNode(`n${3 + number}`);
  const electedAt = await elected(trial, leader, killedAt);
  await trial.lasts(Math.max(1, killedAt + hit - Date.now()));
  return { victim: leader.name, killedAt, electedAt };
}

function elected(trial: Trial, leader: ChaosNode, killedAt: number): Promise<number> {
  return found(
    () => trial.facts("elected").find(({ node, at }) => node !== leader.name && at > killedAt)?.at,
    20_000,
  );
}

function timing(trial: Trial, deaths: readonly Death[], rate: number): Check[] {
  const evidence = trial.evidence.read();
  const before = deaths.map(({ killedAt }) => [killedAt - calm, killedAt] as const);
  const around = deaths.map(({ killedAt }) => [killedAt, killedAt + hit] as const);
  const [steady, over] = [latenessWithin(evidence, before), latenessWithin(evidence, around)];
  const each = deaths.map(({ victim, killedAt, electedAt }) => {
    const { p99, max } = latenessOf(evidence, killedAt, killedAt + hit);
    return `${victim}: p99 ${p99}, max ${max}, another leads after ${electedAt - killedAt}`;
  });
  const began = Math.round(steady.starts / ((deaths.length * calm) / 1000));
  const slowest = Math.max(...deaths.map(({ electedAt, killedAt }) => electedAt - killedAt));
  return [
    {
      says: `p99 over the leaders' deaths (${hit / 1000} s from each) is within 3 times the steady one (${calm / 1000} s before each), ms`,
      holds: over.p99 <= 3 * steady.p99,
      seen: { steady, over, each },
      timing: true,
    },
    check("so many fire times started a second, before the deaths", began >= 0.99 * rate, began),
    {
      says: "another led within two of its leases (10 s) of each death",
      holds: slowest < 10_000,
      seen: slowest,
      timing: true,
    },
  ];
}
