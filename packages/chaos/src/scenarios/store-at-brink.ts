import { every } from "@escapement/triggers";
import { latenessOf } from "../checker/lateness.js";
import { found } from "../found.js";
import { keysOf } from "../full-store/keys.js";
import { neighbourOn } from "../full-store/neighbour.js";
import { seededRandom } from "../random.js";
import { Trial } from "../trial.js";
import { secondly } from "../workload/secondly.js";
import { check, type Scenario, type ScenarioReport } from "./scenario.js";

const leases = {
  nodeTtl: 2000,
  leaderTtl: 1000,
  lookahead: 3000,
  pollEvery: 500,
  sweepEvery: 1000,
  deadline: 500,
};
const lasts = 20_000;
const back = 5000; // the bound within which all goes on once the memory stays free

/** Redis' memory is full and free again, many times: some steps of whatever is under way are taken and others are refused. */
export const storeAtBrink: Scenario = {
  name: "store-at-brink",
  about: "Redis' memory is full and free again, some 25 times in 20 s",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3, scheduler: leases });
    await trial.define("tick", [
      ...secondly(20),
      ...secondly(10, { delivery: "at-most-once" }).map((job, index) => ({ ...job, id: `strict-${index}` })),
      ...[1, 2, 3, 4, 5].map((n) => ({ id: `skip-${n}`, trigger: every("1s"), input: { work: 700 } })),
    ]);
    const roomAt = await fillAndFree(trial);
    const startAfter = await found(() => {
      const first = trial.facts("start").find(({ at }) => at > roomAt);
      return first === undefined ? undefined : first.at - roomAt;
    }, 20_000);
    const verdict = await trial.verdict(Date.now());
    const dead = trial.facts("event").filter(({ event }) => event === "nodeDead");
    const mended = await keysOf(trial).mended();
    return {
      verdict,
      lateness: latenessOf(trial.evidence.read()),
      faults: trial.faults,
      checks: [
        check("no node was given up, and no attempt lost", dead.length === 0 && verdict.retried === 0, {
          dead,
          retried: verdict.retried,
        }),
        check(`what is due starts within ${back / 1000} s of the last time`, startAfter <= back, startAfter),
        check("the sweeper found nothing to mend", Object.keys(mended).length === 0, mended),
      ],
    };
  },
};

/** Answers since when (wall clock, ms) the memory stays free. */
async function fillAndFree(trial: Trial): Promise<number> {
  const [neighbour, random] = [neighbourOn(trial.redis), seededRandom(1)];
  const enqueued: Promise<void>[] = [];
  const end = Date.now() + lasts;
  while (Date.now() < end) {
    await trial.fault("fill", "memory", () => neighbour.fill(1_000_000));
    await trial.lasts(random.between(100, 1000));
    await neighbour.leave();
    // One of those that have to get through while others come and go.
    enqueued.push(trial.enqueue("tick", `enqueued-${enqueued.length}`, 0));
    await trial.lasts(random.between(5, 150));
  }
  await neighbour.unbound();
  const roomAt = Date.now();
  await Promise.all(enqueued);
  return roomAt;
}
