import { redisWay } from "@escapement/testing";
import { expect, test } from "vitest";
import { fullStore } from "./full-store.js";
import { held, runScenario } from "./run-scenario.js";

test.skipIf(redisWay() === "url")(
  "I9: a full store loses nothing, and all goes on with room",
  async () => {
    const { report: _, ...what } = await runScenario(fullStore, { short: true });
    expect(what).toEqual(held);
  },
  90_000,
);
