import { redisWay } from "@escapement/testing";
import { expect, test } from "vitest";
import { contestants } from "../queues/index.js";
import type { Row } from "../rounds.js";
import { runCases } from "./no-op.js";

// Who shares a server with others cannot empty it.
test.skipIf(redisWay() === "url")(
  "each contestant carries out each run once, and has a figure",
  {
    timeout: 120_000,
  },
  async () => {
    const budget = { rounds: 1, sampleMs: 0, instants: 0, jobs: 0, queueMs: 5 };
    const { figures, lines } = await runCases("no-op", "No-op", budget, [
      { name: "concurrency 100", concurrency: 100, processes: 1 },
      { name: "two", concurrency: 100, processes: 2 },
      { name: "voters", concurrency: 10, processes: 1, voters: { against: "concurrency 100" } },
    ]);
    const { rows, failures } = figures as { rows: Row[]; failures: string[] };
    expect(failures).toEqual([]); // a run that was done twice or not at all would be one
    const all = contestants.filter(({ store }) => store === "redis").map(({ name }) => name);
    expect(Object.keys(rows[0]?.samples ?? {})).toEqual(expect.arrayContaining(all));
    for (const row of rows)
      for (const [sample] of Object.values(row.samples)) expect(sample).toBeGreaterThan(0);
    expect(rows[2]?.samples).toHaveProperty("Escapement");
    expect(lines[1]).toMatch(/^concurrency 100 .*\d× \(/);
    expect(lines.join("\n")).toMatch(
      /Two processes of Escapement to one, at concurrency 100: [\d.]+× \(.*Redis used [\d.]+% of a core/,
    );
  },
);
