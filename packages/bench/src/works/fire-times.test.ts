import { expect, test } from "vitest";
import { expressions, zones } from "../expressions.js";
import { fireTimes } from "./fire-times.js";

test("fire-times gives a figure for each contestant, expression and zone, and says where answers differ", async () => {
  const budget = { rounds: 2, sampleMs: 0, instants: 2, jobs: 0, queueMs: 0 };
  const { figures, lines } = await fireTimes.run(budget);
  const pairs = expressions.flatMap((expr) =>
    zones.map((zone) =>
      expect.objectContaining({
        expr,
        zone,
        ns: expect.objectContaining({ escapement: expect.any(Number) }),
      }),
    ),
  );
  const comparison = {
    geometricMean: expect.any(Number),
    least: { ratio: expect.any(Number), expr: expect.any(String), zone: expect.any(String) },
  };
  expect(figures).toMatchObject({
    budget,
    pairs,
    comparisons: { croner: comparison, "cron-parser": comparison },
    disagreements: expect.any(Array),
    excluded: expect.any(Array),
  });
  for (const expr of expressions) expect(lines.some((line) => line.startsWith(expr))).toBe(true);
});
