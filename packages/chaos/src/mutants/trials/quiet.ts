import type { JobOptions } from "@escapement/core";
import { every } from "@escapement/triggers";
import { Trial } from "../../trial.js";
import { secondly } from "../../workload/secondly.js";
import type { MutantTrial } from "../mutant.js";
import { judged, limitHolds, nobodyDies } from "./judged.js";

const places = 2;

/** No faults at all: jobs that run beside each other, take turns, and share places. */
export const quiet: MutantTrial = {
  name: "quiet",
  about: "no faults; jobs that run beside each other, take turns, and share places",
  async run(nodes) {
    await using trial = await Trial.start({ ...nodes, nodes: 2 });
    // One after the other: a single claim would count those that it gives itself.
    const sharing = [1, 2, 3, 4].map((number) => ({
      id: `sharing-${number}`,
      trigger: every("1s", { phase: number * 100 }),
      overlap: "allow" as const,
      input: { work: 400 },
      concurrencyKey: "places",
      concurrencyLimit: places,
    }));
    await trial.define("tick", [...secondly(5, { input: { work: 20 } }), ...sharing]);
    await trial.define("long", [
      long("turns", {}),
      long("beside", { overlap: "allow" }),
      long("queued", { overlap: "queue-all", trigger: every("700ms"), input: { work: 800 } }),
    ]);
    await trial.started(Date.now() + 3000);
    const until = Date.now();
    const broken = await judged(trial, until);
    const ids = sharing.map(({ id }) => id);
    return [...broken, ...nobodyDies(trial), ...(await limitHolds(trial, until, ids, places))];
  },
};

function long(id: string, options: Partial<JobOptions>): JobOptions {
  return { id, trigger: every("1s"), input: { work: 1500 }, ...options };
}
