import type { JobOptions, Run } from "@escapement/core";
import { eventually } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import { type CrashRule, hangs, queue, retold, type Seen, type Stage, untouched, victim } from "./stage.js";

const cancelled = `cancelled: 1 cancelled ${victim}`;
const late = { within: 60_000, every: 200 };

/** Rules about the runs of one job. */
export const jobRules: readonly CrashRule[] = [
  {
    row: "overlap queue-all",
    says: "those that wait go on after the one that was taken over, in their order",
    prepare: (stage) => byHand(stage, { overlap: "queue-all" }, [retold, untouched, untouched]),
  },
  {
    row: "overlap queue-all",
    says: "those that wait go on also where the running one is lost",
    prepare: (stage) =>
      byHand(stage, { overlap: "queue-all", delivery: "at-most-once" }, [
        `lost: 1 lost ${victim}`,
        untouched,
        untouched,
      ]),
  },
  {
    row: "overlap queue-one",
    says: "the one that waits goes on, the further ones stay skipped",
    prepare: (stage) => byHand(stage, { overlap: "queue-one" }, [retold, untouched, "skipped"]),
  },
  {
    row: "overlap cancel-running",
    says: "the one that its node was to cancel is cancelled, and the latest goes on",
    async prepare(stage) {
      const runs = await stage.byHand(await stage.job({ overlap: "cancel-running" }), 2);
      await stage.asked(one(runs));
      return { after: async () => [await told(stage, runs), [cancelled, untouched]] };
    },
  },
  {
    row: "overlap replace",
    says: "the replaced one stays cancelled, and the latest has another attempt",
    async prepare(stage) {
      const runs = await stage.byHand(await stage.job({ overlap: "replace" }), 2);
      await stage.is(one(runs.slice(1)), "active");
      return { after: async () => [await told(stage, runs), [cancelled, retold]] };
    },
  },
  {
    row: "maxRuns",
    says: "a run counts once, its further attempt does not",
    async prepare(stage) {
      const job = await stage.job({ trigger: every("1s"), maxRuns: 2, overlap: "queue-all" });
      await stage.firstOf(job);
      return {
        after: async () => {
          await eventually(async () => (await stage.client.job(job).get())?.state === "exhausted", late);
          // What came while these two ran is missed when they have ended.
          const ended = (await stage.client.job(job).history()).filter(({ state }) => state !== "missed");
          const runs = ended.toReversed();
          const started = (await stage.client.job(job).get())?.startedRuns;
          return [
            [runs.map((run) => stage.inWords(run)), started],
            [[retold, untouched], 2],
          ];
        },
      };
    },
  },
  {
    row: "every, after completion",
    says: "goes on, one interval after the end of the attempt that followed",
    async prepare(stage) {
      const job = await stage.job({ trigger: every("1s", { after: "completion" }) });
      await stage.firstOf(job);
      return {
        after: async () => {
          await eventually(async () => (await stage.client.job(job).history()).length >= 3, late);
          const runs = (await stage.client.job(job).history()).toReversed().slice(0, 3);
          const waits = runs
            .slice(1)
            .map(({ scheduledAt }, index) => Number(scheduledAt) - Number(runs[index]?.finishedAt));
          return [
            [runs.map((run) => stage.inWords(run)), waits],
            [
              [retold, untouched, untouched],
              [1000, 1000],
            ],
          ];
        },
      };
    },
  },
  {
    row: "dependsOn, then",
    says: "what follows a run that was taken over is there once, when that has succeeded",
    async prepare(stage) {
      const job = await stage.job({ trigger: once("now") });
      await stage.client.schedule("tick", { id: `after-${job}`, dependsOn: [job], queue, input: hangs });
      const run = await stage.firstOf(job);
      const child = stage.client.job(`after-${job}`);
      return {
        after: async () => {
          const parent = await stage.told(run);
          await eventually(async () => (await child.history()).length > 0, late);
          const [first] = await child.history();
          const follows = first !== undefined && first.startedAt !== undefined;
          const inTurn = follows && first.startedAt >= ((await stage.end(run)).finishedAt ?? Number.NaN);
          return [
            [parent, (await child.history()).map((one) => stage.inWords(one)), inTurn],
            [retold, [untouched], true],
          ];
        },
      };
    },
  },
  {
    row: "backfill",
    says: "survives: the fire time that ran has another attempt, the others follow in their order",
    async prepare(stage) {
      const job = await stage.job({ trigger: every("1h", { from: "2020-01-01T00:00:00Z" }) });
      const runs = await stage.client
        .job(job)
        .backfill({ from: "2020-03-01T00:00:00Z", to: "2020-03-01T02:00:00Z" });
      await stage.is(one(runs), "active");
      return {
        after: async () => [
          [...(await told(stage, runs)), await stage.inTurn(runs)],
          [retold, untouched, untouched, true],
        ],
      };
    },
  },
  {
    row: "pauseAfterFailures",
    says: "a failure before the death counts, and so does the run that is lost by it: the job is paused then, and stays so",
    async prepare(stage) {
      const job = await stage.job({
        ...{ pauseAfterFailures: 2, delivery: "at-most-once" as const, overlap: "allow" as const },
        input: { fails: [1] },
      });
      const failed = await stage.client.job(job).runNow();
      await stage.is(failed, "failed");
      await stage.client.job(job).update({ input: hangs });
      const lost = one(await stage.byHand(job, 1));
      return {
        after: async () => {
          const told = await Promise.all([failed, lost].map((run) => stage.told(run)));
          const found = await stage.client.job(job).get();
          const again = await stage.client
            .job(job)
            .runNow()
            .catch(({ code }) => code as unknown);
          return [
            [...told, found?.state, found?.pauses.map(({ reason, failures }) => [reason, failures]), again],
            [
              `failed: 1 failed ${victim}`,
              `lost: 1 lost ${victim}`,
              ...["errored", [["lost: node-dead", 2]], "JOB_PAUSED"],
            ],
          ];
        },
      };
    },
  },
  {
    row: "pause, resume",
    says: "asked while its node is dead and nobody knows yet: the further attempt waits until it is over",
    async prepare(stage) {
      const job = await stage.job();
      const runs = await stage.byHand(job, 1);
      return {
        meanwhile: () => stage.client.pause({ job }, { reason: "wrong figures" }),
        after: async () => {
          const seen = async (): Promise<string> => stage.inWords((await one(runs).get()) as Run);
          await eventually(async () => (await seen()).endsWith(`1 lost ${victim}`), late);
          // The node that comes after it is there, and looks for what it can start.
          await (await stage.enqueue({ priority: -1000 })).result({ timeout: 20_000 });
          const held = await seen();
          const over = await stage.client.resume({ job });
          return [
            [held, over, ...(await told(stage, runs))],
            [`ready: 1 lost ${victim}`, true, retold],
          ];
        },
      };
    },
  },
  {
    row: "remove",
    says: "asked while its node is dead and nobody knows yet: the run is recorded as lost, and has no other attempt",
    async prepare(stage) {
      const job = await stage.job();
      const runs = await stage.byHand(job, 1);
      return {
        meanwhile: () => stage.client.job(job).remove(),
        after: async () => [await told(stage, runs), [`lost: 1 lost ${victim}`]],
      };
    },
  },
];

function one<T>(of: readonly T[]): T {
  const [first] = of;
  if (first === undefined) throw new RangeError("there is none");
  return first;
}

function told(stage: Stage, runs: Parameters<Stage["inTurn"]>[0]): Promise<string[]> {
  return Promise.all(runs.map((run) => stage.told(run)));
}

/** Three runs by hand, the first of which runs on the victim. */
async function byHand(
  stage: Stage,
  options: Partial<JobOptions>,
  expected: readonly string[],
): Promise<{ after(): Promise<Seen> }> {
  const runs = await stage.byHand(await stage.job(options as object), 3);
  const started = runs.filter((_, index) => expected[index] !== "skipped");
  return {
    after: async () => [
      [...(await told(stage, runs)), await stage.inTurn(started)],
      [...expected, true],
    ],
  };
}
