import { expect, test } from "vitest";
import { dawn, MadeUp } from "../../../test/made-up.js";

/** Three enqueued runs that ended, in a store that keeps so many of them and in the end has these. */
function three(keptRuns: number, ...kept: number[]): string[] {
  const history = new MadeUp({ keptRuns }).ask(0, {
    ...{ do: "enqueue", task: "tick" },
    runs: [1, 2, 3].map((number) => ({ id: `run-${number}` })),
  });
  const value: Record<string, string> = {};
  for (const number of [1, 2, 3]) {
    const at = 100 * number;
    history.attempt({ run: `run-${number}`, at });
    if (kept.includes(number))
      value[`run-${number}`] =
        `${dawn + at} ${dawn + at} ${dawn + at + 10} s 1 ${history.token(at)} id-n1 {"task":"tick"}`;
  }
  const finished = { type: "hash", size: kept.length, value };
  return history.store(2000, "stopped", { finished }).broken;
}

test("a store keeps all finished runs, or the number of them that it is to keep", () => {
  expect(three(100, 1, 2, 3)).toEqual([]);
  expect(three(100, 2, 3)).toEqual(["history", "retention"]);
  expect(three(2, 2, 3)).toEqual([]);
  expect(three(2, 3)).toEqual(["retention"]);
  expect(three(2, 1, 2, 3)).toEqual(["retention"]);
});
