import { defineJobs, type Scheduler } from "@escapement/core";
import { every } from "@escapement/triggers";

/** A call of the API, and what became of it: `done`, or the error's code. */
export interface Called {
  readonly call: string;
  readonly came: string;
}

const trigger = every("1h");

/** Every call that writes and needs memory for that. `job` is there. */
export function writingCalls(client: Scheduler, job: string): Promise<Called[]> {
  return callAll({
    schedule: () => client.schedule("tick", { id: "never", trigger }),
    "apply of a list": () => client.apply([{ task: "tick", id: "never", trigger }]),
    "apply of a set": () =>
      client.apply(defineJobs({ name: "never", version: 1, jobs: [{ task: "tick", id: "never", trigger }] })),
    enqueue: () => client.enqueue("tick", { id: "never" }),
    enqueueMany: () => client.enqueueMany("tick", [{ id: "never" }, { id: "never-2" }]),
    update: () => client.job(job).update({ input: { work: 1 } }),
    runNow: () => client.job(job).runNow(),
    backfill: () => client.job(job).backfill({ from: Date.now() - 5000 }),
  });
}

/** Those that an operator needs in a full store, or that make room; they are to be taken. */
export function helpfulCalls(client: Scheduler, job: string): Promise<Called[]> {
  return callAll({
    "pause and resume": async () => {
      await client.pause({ job }, { reason: "the store is full" });
      await client.resume({ job });
    },
    "job().remove": () => client.job("to-be-removed").remove(),
    cancel: () => client.run("to-be-cancelled").cancel(),
    removeDeadLetters: () => client.removeDeadLetters(),
    doctor: () => client.doctor(),
    jobs: async () => {
      for await (const _ of client.jobs());
    },
    "run().get": () => client.run("to-be-cancelled").get(),
  });
}

async function callAll(calls: Readonly<Record<string, () => Promise<unknown>>>): Promise<Called[]> {
  return Promise.all(
    Object.entries(calls).map(async ([call, make]) => {
      const came = await make().then(
        () => "done",
        (error: unknown) => String((error as { code?: unknown }).code ?? error),
      );
      return { call, came };
    }),
  );
}
