import { canMoveClocks, eventually } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../random.js";
import { singleServer } from "../topologies/single.js";
import { Trial } from "../trial.js";
import { faultKinds } from "./index.js";
import { type InjectedFault, inject } from "./inject.js";

let trial: Trial;
beforeAll(async () => {
  trial = await Trial.start({ nodes: 1, clocks: true, topology: () => singleServer("single") });
}, 30_000);
afterAll(() => trial?.[Symbol.asyncDispose]());

function happen(name: string, target: string): Promise<InjectedFault> {
  const kind = faultKinds.find((one) => one.name === name);
  if (kind === undefined) throw new Error(`There is no kind ${name}`);
  return inject(trial, seededRandom(1), { kind, target, at: 0, lasts: 200 });
}

test("a node whose event loop is to stand still takes down for how long it did", async () => {
  expect((await happen("loop-block", "n1")).proof).toMatch(/n1 took down that its loop stood for \d{3,} ms/);
});

test("a frozen node is seen to stand still from beginning to end, and goes on", async () => {
  expect((await happen("node-freeze", "n1")).proof).toContain("stood still from beginning to end");
  expect(await trial.nodes.get("n1")?.state()).toBe("runs");
});

test("a leader's fault befalls the node that leads, and names its term", async () => {
  expect((await happen("leader-freeze", "leader")).proof).toMatch(
    /\(n1\) stood still .*, which led term \d+/,
  );
});

test.skipIf(!canMoveClocks())(
  "a node's wall clock jumps while it runs, by hours, and back, and the evidence is stamped by the machine's",
  async () => {
    const { at, until, proof } = await happen("node-clock-jump", "n1");
    const [, before, during, after] = /by (-?\d+), (-?\d+) and (-?\d+) ms$/.exec(proof) ?? [];
    expect(Math.abs(Number(during))).toBeGreaterThan(3_500_000);
    for (const said of [before, after]) expect(Math.abs(Number(said))).toBeLessThan(60_000);
    const stamps = trial.facts("event").flatMap((line) => (line.event === "clock" ? [line.at] : []));
    expect(stamps).toHaveLength(3);
    for (const stamp of stamps) {
      expect(stamp).toBeGreaterThan(at - 60_000);
      expect(stamp).toBeLessThan(until + 60_000);
    }
  },
);

test("a killed node has another process after it", async () => {
  const before = trial.nodes.get("n1")?.pid;
  expect((await happen("node-kill", "n1")).proof).toBe(
    `process ${before} (n1) ended by SIGKILL after SIGKILL`,
  );
  expect(trial.nodes.get("n1")?.pid).not.toBe(before);
});

test("a process that ended though nobody had asked it to has crashed, one that a fault killed has not", async () => {
  const before = trial.nodes.get("n1");
  await happen("node-kill", "n1");
  const now = trial.nodes.get("n1");
  process.kill(now?.pid ?? 0, "SIGKILL");
  await eventually(() => now?.exit !== undefined);
  expect([before?.crashed, now?.crashed]).toEqual([false, true]);
});
