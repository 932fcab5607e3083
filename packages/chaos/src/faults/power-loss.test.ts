import { eventually } from "@escapement/testing";
import { expect, test } from "vitest";
import { seededRandom } from "../random.js";
import { singleServer } from "../topologies/single.js";
import { Trial } from "../trial.js";
import { type InjectedFault, inject } from "./inject.js";
import { powerLoss } from "./power-loss.js";

const everysec = { nodes: ["n1"], topology: "everysec", store: 1, watchers: 0, voters: 0 };

test("a loss of power takes what was acknowledged last, leaves what was before, and counts only where something is gone", async () => {
  await using trial = await Trial.start({
    nodes: 0,
    topology: () => singleServer("everysec", { appendonly: "everysec" }),
  });
  const events = `escapement:{${trial.client.namespace}}:events`;
  const client = trial.redis.client();
  const happen = (): Promise<InjectedFault> =>
    inject(trial, seededRandom(1), { kind: powerLoss, target: "store-0", at: 0, lasts: 1 });

  const first = (await client.xadd(events, "*", "e", "kept")) ?? "";
  expect(await happen()).toMatchObject({ proof: "" });

  const writing = new AbortController();
  const writes = (async () => {
    while (!writing.signal.aborted)
      await client.xadd(events, "*", "e", "x".repeat(100)).catch(() => undefined);
  })();
  const { proof } = await happen();
  writing.abort();
  await writes;

  const [, gone = ""] = /; (\S+), the last entry of events before, is gone$/.exec(proof) ?? [];
  expect(gone).toMatch(/^\d+-\d+$/);
  await eventually(async () => (await client.ping()) === "PONG");
  expect(await client.xrange(events, gone, gone)).toEqual([]);
  expect(await client.xrange(events, first, first)).toHaveLength(1);
}, 30_000);

test("there is no loss of power where all that was acknowledged is on the disk", () => {
  expect(powerLoss.targets(everysec)).toEqual(["store-0"]);
  expect(powerLoss.targets({ ...everysec, topology: "everysec-voters-3", voters: 3 })).toEqual(["store-0"]);
  expect(powerLoss.targets({ ...everysec, topology: "single" })).toEqual([]);
  expect(powerLoss.targets({ ...everysec, topology: "no-aof" })).toEqual([]);
});
