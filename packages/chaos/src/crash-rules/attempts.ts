import { eventually } from "@escapement/testing";
import { type CrashRule, heir, queue, retold, type Stage, untouched, victim } from "./stage.js";

const deadly = "deadly";
const sacrificed = 4;

/** Rules about the attempts of one run. */
export const attemptRules: readonly CrashRule[] = [
  {
    row: "delivery",
    says: "at-least-once: another attempt follows",
    async prepare(stage) {
      const run = await stage.hanging();
      return { after: async () => [await stage.told(run), retold] };
    },
  },
  {
    row: "delivery",
    says: "at-most-once: it is recorded as lost",
    async prepare(stage) {
      const run = await stage.hanging({ delivery: "at-most-once" });
      return { after: async () => [await stage.told(run), `lost: 1 lost ${victim}`] };
    },
  },
  {
    row: "retry",
    says: "a run that waits for its next attempt has it elsewhere, with the right number",
    async prepare(stage) {
      const run = await stage.enqueue({ input: { fails: [1] }, retry: { attempts: 2, backoff: "8s" } });
      await stage.is(run, "waiting-retry");
      const expected = `succeeded: 1 failed ${victim}, 2 succeeded ${heir}`;
      return { after: async () => [await stage.told(run), expected] };
    },
  },
  {
    row: "retry",
    says: "an attempt that was lost is none of those that may fail",
    async prepare(stage) {
      const input = { hangsOn: victim, fails: [1, 3] };
      const run = await stage.enqueue({ input, retry: { attempts: 2, backoff: 0 } });
      await eventually(async () => {
        const { state, attempt } = (await run.get()) ?? {};
        return state === "active" && attempt === 2;
      });
      const expected = `failed: 1 failed ${victim}, 2 lost ${victim}, 3 failed ${heir}`;
      return { after: async () => [await stage.told(run), expected] };
    },
  },
  {
    row: "maxLost",
    says: "a handler that kills its process is tried once and three times more, then recorded as lost",
    async prepare(stage) {
      const run = await stage.enqueue({ queue: deadly, input: { kills: true } });
      const nodes = sacrifice(stage, run.id);
      const each = Array.from(
        { length: sacrificed },
        (_, index) => `${index + 1} lost ${deadly}-${index + 1}`,
      );
      return {
        after: async () => {
          await nodes;
          const letters = async (): Promise<string[]> =>
            (await stage.client.deadLetters({ queue: deadly })).map(({ id }) => id);
          return [
            [await stage.told(run), await letters()],
            [`lost: ${each.join(", ")}`, [run.id]],
          ];
        },
      };
    },
  },
  {
    row: "timeout",
    says: "counts from the start of the attempt that follows, not from that of the lost one",
    async prepare(stage) {
      const run = await stage.hanging({ timeout: "8s", input: { hangsOn: victim, work: 10_000 } });
      return {
        after: async () => {
          const { startedAt, finishedAt } = await stage.end(run);
          const lasted = (finishedAt?.getTime() ?? 0) - (startedAt?.getTime() ?? 0);
          const expected = `timed-out: 1 lost ${victim}, 2 timed-out ${heir}`;
          return [
            [await stage.told(run), lasted >= 8000],
            [expected, true],
          ];
        },
      };
    },
  },
  {
    row: "dead letters",
    says: "a run lost for good is there, and can be given another attempt",
    async prepare(stage) {
      const run = await stage.hanging({ delivery: "at-most-once" });
      return {
        after: async () => {
          await stage.end(run);
          const letters = await stage.client.deadLetters({ queue });
          const there = letters.some(({ id }) => id === run.id);
          await run.retry();
          await run.result({ timeout: 20_000 });
          return [
            [there, await stage.told(run)],
            [true, `succeeded: 2 succeeded ${heir}`],
          ];
        },
      };
    },
  },
  {
    row: "cancel",
    says: "asked while its node is dead and nobody knows yet: it ends as cancelled, with no other attempt",
    async prepare(stage) {
      const run = await stage.hanging();
      const asked: boolean[] = [];
      return {
        meanwhile: async () => asked.push(await run.cancel({ reason: "wrong file" })),
        after: async () => {
          const told = await stage.told(run);
          return [
            [asked, told, (await run.get())?.reason],
            [[true], `cancelled: 1 cancelled ${victim}`, "wrong file"],
          ];
        },
      };
    },
  },
  {
    row: "runNow, result",
    says: "asked for in another process, resolves with what the node after the dead one answers",
    async prepare(stage) {
      const [run] = await stage.byHand(await stage.job(), 1);
      const result = run?.result({ timeout: 60_000 }).catch(String);
      return { after: async () => [await result, heir] };
    },
  },
  {
    row: "concurrencyKey",
    says: "a dead node frees its place, and never are there more at once",
    async prepare(stage) {
      const first = await stage.hanging({ concurrencyKey: "key" });
      const second = await stage.enqueue({ concurrencyKey: "key" });
      const lost = await stage.hanging({ concurrencyKey: "other-key", delivery: "at-most-once" });
      const third = await stage.enqueue({ concurrencyKey: "other-key" });
      return {
        after: async () => {
          const told = await Promise.all([first, second, lost, third].map((run) => stage.told(run)));
          // Whichever goes first.
          const apart = (await stage.inTurn([first, second])) || (await stage.inTurn([second, first]));
          return [
            [...told, apart],
            [retold, untouched, `lost: 1 lost ${victim}`, untouched, true],
          ];
        },
      };
    },
  },
];

/** One node after the other takes the run that kills it. */
async function sacrifice({ trial }: Stage, id: string): Promise<void> {
  for (let attempt = 1; attempt <= sacrificed; attempt += 1) {
    await trial.addNode(`${deadly}-${attempt}`, { scheduler: { queues: [deadly] } });
    const begun = (): boolean =>
      trial.facts("start").some((start) => start.run === id && start.attempt === attempt);
    await eventually(begun, { within: 20_000, every: 50 });
  }
}
