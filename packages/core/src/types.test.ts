import { every } from "@escapement/triggers";
import { describe, expectTypeOf, test } from "vitest";
import {
  defineJobs,
  type Job,
  type JobDeclaration,
  type JobSet,
  type RunHandle,
  type Scheduler,
  type Task,
  type TaskOptions,
} from "./index.js";

declare module "./index.js" {
  interface Tasks {
    "send-report": { input: { to: string }; output: { sent: number } };
  }
}

interface Mail {
  readonly to: string;
}

// Never called: what these tests say is said to the compiler, which `npm run check` runs over them.
const uses = (use: (scheduler: Scheduler) => unknown): void => {
  expectTypeOf(use).toBeFunction();
};
const trigger = every("1h");

describe("a task's types go with it", () => {
  test("through schedule, enqueue, handle and result", () => {
    uses((scheduler) => {
      const mail = scheduler.task("mail", (run) => {
        const { to } = run.input as Mail;
        return to.length;
      });
      expectTypeOf(mail).toEqualTypeOf<Task<unknown, number>>();
      const typed = scheduler.task<Mail, number>("typed", (run) => run.input.to.length);
      expectTypeOf(scheduler.enqueue(typed, { input: { to: "a" } })).resolves.toEqualTypeOf<
        RunHandle<number>
      >();
      expectTypeOf(
        scheduler.schedule(typed, { id: "job", trigger, input: { to: "a" } }),
      ).resolves.toEqualTypeOf<Job<Mail>>();
      expectTypeOf<RunHandle<number>["result"]>().returns.resolves.toBeNumber();
      // @ts-expect-error an input of another shape
      scheduler.enqueue(typed, { input: { too: "a" } });
      // @ts-expect-error an input of another type
      scheduler.enqueueMany(typed, [{ input: 5 }]);
      // @ts-expect-error an input of another shape
      scheduler.schedule(typed, { id: "job", trigger, input: { to: 5 } });
    });
  });

  test("also with a schema, whose output the handler gets", () => {
    uses((scheduler) => {
      const options = {} as TaskOptions<Mail>;
      const mail = scheduler.task("mail", options, (run) => run.input.to);
      expectTypeOf(mail).toEqualTypeOf<Task<Mail, string>>();
      scheduler.enqueue(mail, { input: { to: "a" } });
      // @ts-expect-error an input of another shape
      scheduler.enqueue(mail, { input: { to: 5 } });
    });
  });

  test("with its name, where the application says what goes by it", () => {
    uses((scheduler) => {
      expectTypeOf(scheduler.enqueue("send-report", { input: { to: "a" } })).resolves.toEqualTypeOf<
        RunHandle<{ sent: number }>
      >();
      // @ts-expect-error an input of another shape
      scheduler.enqueue("send-report", { input: { to: 5 } });
      // @ts-expect-error an input of another shape
      scheduler.schedule("send-report", { id: "job", trigger, input: "a" });
    });
  });

  test("by a name that nobody described: anything", () => {
    uses((scheduler) => {
      expectTypeOf(scheduler.enqueue("other", { input: { any: "thing" } })).resolves.toEqualTypeOf<
        RunHandle<unknown>
      >();
    });
  });

  test("through apply and defineJobs, each job with its own task's", () => {
    uses((scheduler) => {
      const typed = scheduler.task<Mail, number>("typed", (run) => run.input.to.length);
      const good = { task: typed, id: "a", trigger, input: { to: "a" } };
      scheduler.apply([good, { task: "send-report", id: "b", trigger, input: { to: "b" } }]);
      scheduler.apply([
        good,
        { task: "other", id: "b", trigger, input: 5 },
        { task: typed, id: "c", trigger },
      ]);
      scheduler.apply([] as readonly JobDeclaration[]);
      // @ts-expect-error an input of another shape
      scheduler.apply([good, { task: typed, id: "b", trigger, input: { to: 5 } }]);
      // @ts-expect-error an input of another shape, by the task's name
      scheduler.apply([good, { task: "send-report", id: "b", trigger, input: { too: "b" } }]);
      // @ts-expect-error a misspelt option
      scheduler.apply([{ task: "other", id: "b", trigger, retries: 5 }]);
      expectTypeOf(
        defineJobs({
          version: 1,
          jobs: [good, { task: "send-report", id: "b", trigger, input: { to: "b" } }],
        }),
      ).toEqualTypeOf<JobSet>();
      // @ts-expect-error an input of another shape
      defineJobs({ version: 1, jobs: [good, { task: typed, id: "b", trigger, input: 5 }] });
      // @ts-expect-error an input of another shape, by the task's name
      defineJobs({ version: 1, jobs: [{ task: "send-report", id: "b", trigger, input: 5 }] });
      scheduler.apply(defineJobs({ version: 1, jobs: [good] }), { force: true });
    });
  });

  test("through enqueueMany, by name as well", () => {
    uses((scheduler) => {
      expectTypeOf(scheduler.enqueueMany("send-report", [{ input: { to: "a" } }])).resolves.toEqualTypeOf<
        RunHandle<{ sent: number }>[]
      >();
      // @ts-expect-error an input of another shape
      scheduler.enqueueMany("send-report", [{ input: { to: "a" } }, { input: { to: 5 } }]);
    });
  });
});
