// One property: what must hold after each step, whatever happens.
import { type JobStore, startJobStore } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawn } from "../test/drawn.js";
import { History } from "../test/soundness/history.js";
import { expectNoLoss, expectTidy, look, type Picture } from "../test/soundness/picture.js";
import { type Define, jobs, lanes, pausable, type Step, step } from "../test/soundness/steps.js";
import { expectSound, StoreBench } from "../test/store-bench.js";
import { retryRun, takeDeadLetters } from "./dead-letters.js";
import { enqueueRuns } from "./enqueue.js";
import type { JobOptions } from "./job.js";
import { pauseName, pauseTarget } from "./pause.js";
import { resumeTarget } from "./resume.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const sequences = drawn("STATES", 80);
const isCode =
  (...codes: string[]) =>
  (error: unknown): void =>
    expect(codes).toContain((error as { code?: unknown }).code);

async function cancel({ bench, cancelled }: History, id: string, seen: Picture): Promise<void> {
  const done = await bench.run(id).cancel().catch(isCode("RUN_NOT_FOUND"));
  if (done === true) cancelled.add(id);
  const where = seen.live.get(id);
  expect(done ?? false, `cancelling ${id}, which was in ${where}`).toBe(where !== undefined);
  if (where?.startsWith("active:") === true)
    expect(await bench.redis.hexists(`${bench.store.keys.prefix}cancelled:${where.slice(7)}`, id)).toBe(1);
  else if (where !== undefined) expect(await bench.run(id).get()).toMatchObject({ state: "cancelled" });
}

async function write({ bench, written }: History, what: Extract<Step, { do: "write" }>): Promise<void> {
  const now = await bench.now();
  const times = [0, 1].map((more) => now + what.ahead * 20_000 + more);
  for (const id of what.which) {
    // A fire time is written once: the cursor sees to that. (Time stands still after it was set ahead.)
    const fresh = times.filter((time) => !written.has(`${id}@${time}`));
    for (const time of fresh) written.add(`${id}@${time}`);
    if (fresh.length > 0) await bench.write(id, fresh);
  }
}

const definition = ({
  overlap,
  delivery,
  queue,
  catchUp,
  maxRuns,
  deadLetter,
  whenExhausted,
  tagged,
  apart,
  fromNow,
  keyed,
  parents,
  pauseAfterFailures,
}: Define): Partial<JobOptions> => ({
  ...{ overlap, delivery, queue, deadLetter, misfire: { catchUp, max: 2 } },
  ...(maxRuns !== undefined && { maxRuns, whenExhausted }),
  ...(tagged && { tags: ["tag"] }),
  ...(pauseAfterFailures !== undefined && { pauseAfterFailures }),
  ...(fromNow && { resumeFrom: "now" }),
  ...(apart && { retain: { failed: 10_000 } }),
  ...(keyed !== undefined && { concurrencyKey: "key", concurrencyLimit: { max: 2, whenFull: keyed } }),
  dependsOn: parents,
});

async function hold(
  history: History,
  what: Extract<Step, { do: "pause" | "resume" | "watch" }>,
): Promise<void> {
  const { bench, paused } = history;
  if (what.do === "watch") return bench.watch();
  // One that is there, if there is one.
  const there = what.do === "resume" ? pausable.filter((one) => paused.has(pauseName(one))) : [];
  const target = there[pausable.indexOf(what.target) % there.length] ?? what.target;
  const name = pauseName(target);
  if (what.do === "pause") {
    paused.add(name);
    return pauseTarget(bench.store, what.target, { reason: "a test" });
  }
  // Few sequences get as far as to pass something over: that is done under a pause of its own, where there is none.
  if (what.how === "from now") await pauseTarget(bench.store, target, { reason: "a test" });
  const was = (await bench.redis.exists(bench.store.keys.pause(name))) === 1;
  const gone = await history.dueUnder(name, what.how !== "from now");
  if (what.how === "gone") {
    await bench.redis.del(bench.store.keys.pause(name));
    if (was) history.passOver(name, gone);
  } else {
    const from = what.how === "from now" ? { from: "now" as const } : {};
    expect(await resumeTarget(bench.store, target, from), `${name} was paused`).toBe(was);
    if (was) history.passOver("", gone);
    const left = gone.length === 0 ? [] : await bench.redis.zmscore(bench.store.keys.unstarted, ...gone);
    if (was) expect(left, `what is left of ${gone} under ${name}`).toEqual(gone.map(() => null));
  }
  paused.delete(name);
}

async function carryOut(history: History, what: Step, seen: Picture): Promise<void> {
  const { bench } = history;
  const { store } = bench;
  const known = [...new Set([...seen.live.keys(), ...seen.ended.keys()])].sort();
  switch (what.do) {
    case "define":
      return history.define(what.job, definition(what), what.fires);
    case "remove":
      await bench.remove(what.job);
      history.counted.delete(what.job);
      return;
    case "write":
      return write(history, what);
    case "run now":
      await bench.runNow(what.job, { force: what.force }).catch(isCode("JOB_NOT_FOUND", "JOB_PAUSED"));
      return;
    case "enqueue": {
      const { delay, priority, queue } = what;
      await enqueueRuns(store, "task", [{ delay, priority, queue }], 65_536);
      return;
    }
    case "claim": {
      const limits = what.whenFull === undefined ? [] : [{ scope: "task:task", max: 3, how: what.whenFull }];
      const { claimed } = await history.at(what.node).node.claim({ slots: what.slots, lanes, limits });
      return history.took(what.node, claimed);
    }
    case "claim again": {
      const { node: by, held } = history.at(what.node);
      if (by.number === 0) return;
      const { claimed } = await by.claim({ number: by.number, lanes });
      for (const { token } of claimed) expect(held.map((item) => item.token)).toContain(token);
      return;
    }
    case "end":
      return history.end(what.node, what.outcome, what);
    case "cancel":
    case "retry": {
      const id = known[what.run % known.length];
      if (id === undefined) return;
      if (what.do === "cancel") return cancel(history, id, seen);
      return retryRun(store, id).then(() => void history.cancelled.delete(id), isCode("NOT_A_DEAD_LETTER"));
    }
    case "heartbeat":
      return history.heartbeat(what.node);
    case "dead letters":
      for (const id of await takeDeadLetters(store, { queue: what.queue, limit: what.limit }, what.retry))
        history.cancelled.delete(id);
      return;
    case "kill": {
      const { node: victim } = history.at(what.node);
      await bench.redis.zadd(store.keys.nodes, 1, victim.id); // its lease is over
      while ((await bench.recover()).more);
      return history.fresh(what.node);
    }
    case "pause":
    case "resume":
    case "watch":
      return hold(history, what);
    case "sweep":
      expect(await bench.sweep(), "what the sweeper takes for wrong").toEqual([]);
      return;
    case "wait":
      await bench.advance(what.ms);
      return;
  }
}

/** Everything ends when nodes go on: nothing is stuck behind anything, and nothing is left of it. */
async function settle(history: History): Promise<void> {
  const { bench } = history;
  const pauses = (await bench.keysLeft()).filter((key) => key.startsWith("pause:"));
  for (const key of pauses) await bench.redis.del(bench.store.keys.prefix + key); // those that jobs have set themselves, too
  history.paused.clear();
  await bench.watch();
  await bench.advance(10_000_000);
  for (let quiet = 0, rounds = 0; quiet < 2; rounds += 1) {
    expect(rounds, "it does not come to an end").toBeLessThan(200);
    let moved = 0;
    for (const index of [0, 1]) {
      moved += history.at(index).held.length;
      await history.heartbeat(index);
      await history.end(index, "s");
      const { claimed } = await history.at(index).node.claim({ slots: 20, lanes });
      moved += claimed.length;
      history.took(index, claimed);
    }
    if ((await bench.redis.zcard(bench.store.keys.waiting)) > 0) await bench.advance(2e9);
    quiet = moved === 0 ? quiet + 1 : 0;
  }
  await expectSound(bench);
  const left = (await bench.keysLeft()).filter((key) =>
    /^(waiting|ready|blocked|paused|unstarted|requeued|running|runs|attempts|progress|active|cancelled|full|held|holds|limited|frozen|pauses|paused-by)/.test(
      key,
    ),
  );
  expect(left).toEqual([]);
  const states = await bench.redis.hgetall(bench.store.keys.exhaustion);
  expect(
    Object.values(states).filter((state) => state !== "done"),
    "jobs that are about to be over",
  ).toEqual([]);
  const met = await bench.redis.zrange(bench.store.keys.met, 0, -1);
  expect(
    met.filter((text) => text.endsWith("#")),
    "runs that are held for their parents",
  ).toEqual([]);
}

test(
  "states: S15, S16: whatever happens in whatever order, each run is in one place, and all of it comes to an end",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await using bench = await new StoreBench(server, {
          runs: 10_000,
          enqueued: 10_000,
          age: 1e13,
        }).ready();
        const history = new History(bench);
        await history.fresh(0);
        await history.fresh(1);
        for (const name of jobs) await history.define(name, {});
        let seen = await look(bench);
        for (const what of steps) {
          await carryOut(history, what, seen);
          await history.seePauses();
          await expectSound(bench);
          const next = await look(bench);
          expectNoLoss(seen, next, what);
          await expectTidy(bench, next);
          for (const name of jobs)
            if (!next.jobs.has(name)) {
              history.counted.delete(name);
              history.removed.add(name);
              history.forget(name);
            }
          seen = next;
        }
        expect(await bench.sweep(), "what the sweeper takes for wrong").toEqual([]);
        await settle(history);
        const end = await look(bench);
        expectNoLoss(seen, end, "settle");
        expect([...end.live]).toEqual([]);
      }),
      sequences,
    );
  },
  Math.max(60_000, sequences.numRuns * 1000),
);
