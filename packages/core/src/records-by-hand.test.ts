import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Following } from "../test/following.js";
import { expectSound } from "../test/store-bench.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

describe("a record that somebody else has written", () => {
  test.each([
    ["without a grace", / 60000 /, " - "],
    ["with a limit that is no number", / cl=\d+/, " cl=many"],
    ["with a rate that is none", / kr=\S+/, " kr=often"],
    ["with a priority that is no number", / 0 r /, " nan r "],
  ])("%s, keeps no other job's run from starting", async (_, part, instead) => {
    await using bench = await new Following(server).ready();
    await bench.parents("a");
    await bench.define("child", {
      dependsOn: ["a"],
      concurrencyKey: "key",
      concurrencyLimit: 3,
      rateLimit: { max: 5, per: "1s" },
    });
    const { jobs } = bench.store.keys;
    const text = (await bench.redis.hget(jobs, "child")) ?? "";
    expect(text).toMatch(part);
    await bench.redis.hset(jobs, "child", text.replace(part, instead));
    const [t] = await bench.fire(["a", "child"]);
    expect(await bench.next()).toContain(`a@${t}`);
    await bench.end(`a@${t}`);
    await bench.next();
    await expectSound(bench);
  });
});
