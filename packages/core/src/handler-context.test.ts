import { AsyncLocalStorage } from "node:async_hooks";
import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, idsTogether, many } from "../test/cluster.js";
import type { RunContext, RunHandle } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** Resolves once all have ended, however that is. */
const ended = (handles: readonly RunHandle[]): Promise<unknown> =>
  Promise.allSettled(handles.map((handle) => handle.result({ timeout: 20_000 })));

/** Handlers that enter a context of their own, and what follows on that. */
const handlers: Record<string, (run: RunContext, enter: () => void) => unknown> = {
  "end at once": (_, enter) => enter(),
  "throw at once": (_, enter) => {
    enter();
    throw new Error("on purpose");
  },
  "end later": async (_, enter) => {
    enter();
    await Promise.resolve();
    enter();
  },
  "leave an error uncaught": (_, enter) => {
    enter();
    return new Promise(() => {
      process.nextTick(() => {
        throw new Error("on purpose");
      });
    });
  },
};

describe.each(Object.entries(handlers))("handlers that enter a context and %s", (_, handle) => {
  const storage = new AsyncLocalStorage<string>();

  test("leave it neither to the others that one answer brought, nor to listeners", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 20, nodeTtl: 30_000 });
    const [found, told]: [unknown[], unknown[]] = [[], []];
    node.task("task", (run) => {
      found.push(storage.getStore());
      return handle(run, () => storage.enterWith(run.id));
    });
    for (const event of ["beforeRun", "afterRun"] as const) {
      node.on(event, () => told.push(storage.getStore()));
    }
    const handles = await node.enqueueMany("task", many(10));
    await node.start();
    await ended(handles);
    expect(found).toEqual(Array(10).fill(undefined));
    expect(new Set(told)).toEqual(new Set([undefined]));
  });

  test("leave it to none that waited for their slot", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ concurrency: 1, nodeTtl: 30_000 });
    const found: unknown[] = [];
    node.task("task", (run) => {
      found.push(storage.getStore());
      // A node claims ahead where it knows that handlers are quick: most of these are.
      return found.length % 10 === 0 ? handle(run, () => storage.enterWith(run.id)) : undefined;
    });
    const handles = await node.enqueueMany(
      "task",
      idsTogether(600).map((id) => ({ id })),
    );
    await node.start();
    await ended(handles);
    expect(found).toHaveLength(600);
    expect(new Set(found)).toEqual(new Set([undefined]));
    expect(await cluster.requestsOf(node)).toBeLessThan(560); // one a run and more, had none waited
  });
});
