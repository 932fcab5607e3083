import { every } from "@escapement/triggers";
import { Redis } from "ioredis";
import { openEvidence } from "../../evidence/evidence.js";
import type { Pausable } from "../../pauses/pause-rules.js";
import { Trial } from "../../trial.js";
import type { MutantTrial } from "../mutant.js";
import { judged, pausesEnd, pausesHold } from "./judged.js";

const job = { queue: "default", tags: ["mail"], beside: true };

/** Everything, one job, and a tag are paused in turn, while the runs of the next seconds are written already. */
export const paused: MutantTrial = {
  name: "paused",
  about: "everything, a job and a tag are paused in turn by plain keys",
  async run(nodes) {
    await using trial = await Trial.start({
      ...nodes,
      nodes: 2,
      scheduler: { leaderTtl: "1s", lookahead: "2s", sweepEvery: "12s" }, // it writes while there is a pause, and had written before
    });
    const jobs: Pausable[] = [1, 2, 3].map((number) => ({ ...job, id: `chime-${number}`, task: "chime" }));
    await trial.define(
      "chime",
      jobs.map(({ id, tags }) => ({ id, tags, trigger: every("500ms"), overlap: "allow" })),
    );
    await trial.started(Date.now() + 1000);
    for (const name of ["all", "job:chime-1", "tag:mail"]) await pauseFor(trial, name, 1200);
    await trial.started(Date.now() + 500);
    const until = Date.now();
    const found = await judged(trial, until);
    return [...pausesHold(trial, jobs), ...pausesEnd(trial, jobs), ...found];
  },
};

let acts = 0;

/** Sets a pause's key, and deletes it after `ms`; takes down when that was asked and acknowledged. */
async function pauseFor(trial: Trial, pause: string, ms: number): Promise<void> {
  const key = `escapement:{${trial.client.namespace}}:pause:${pause}`;
  const record = openEvidence(trial.evidence.fileOf("operator"), "operator");
  const redis = new Redis(trial.redis.url);
  try {
    for (const set of [true, false]) {
      acts += 1;
      record.write({ kind: "asked", act: acts, pause, does: set ? { set: true } : { set: false } });
      await (set ? redis.set(key, "being looked at") : redis.del(key));
      record.write({ kind: "acknowledged", act: acts });
      if (set) await trial.lasts(ms);
    }
  } finally {
    await redis.quit();
    record.close();
  }
}
