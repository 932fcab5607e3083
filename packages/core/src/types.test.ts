import { every } from "@escapement/triggers";
import { describe, expectTypeOf, test } from "vitest";
import type { Job, RunHandle, Scheduler, Task, TaskOptions } from "./index.js";

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
});
