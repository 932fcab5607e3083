import { type JobStore, startJobStore } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, test } from "vitest";
import { drawn } from "../test/drawn.js";
import { Cluster, dawn, places } from "../test/model/cluster.js";
import { definition, setting } from "../test/model/definitions.js";
import { steps } from "../test/model/steps.js";
import { World } from "../test/model/world.js";
import { expectSound } from "../test/store-bench.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const sequences = drawn("MODEL", 100);

test(
  `overlap, limits, retry, maxRuns, misfire and pause do together what a small model says (seed ${sequences.seed})`,
  async () => {
    await fc.assert(
      fc.asyncProperty(setting, definition, definition, steps, async (limits, a, b, sequence) => {
        const real = await Cluster.start(server, limits);
        await using bench = real.bench;
        await fc.asyncModelRun(async () => {
          const world = new World(dawn, limits);
          for (const [id, value] of [
            ["a", a],
            ["b", b],
          ] as const) {
            world.add(id, places[id], value);
            await real.define(id, value);
          }
          for (const node of ["n0", "n1"]) await real.join(node);
          return { model: { world, nodes: ["n0", "n1"] as [string, string] }, real };
        }, sequence);
        await expectSound(bench);
      }),
      sequences,
    );
  },
  Math.max(120_000, sequences.numRuns * 1000),
);
