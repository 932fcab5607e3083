import { expect, test } from "vitest";
import { cellsOf, ratioOf, ratiosOf, takeTurns } from "./rounds.js";

test("all take their turns, another one first in each round", async () => {
  const order: string[] = [];
  const turn = (contestant: string) => ({
    row: "row",
    contestant,
    measure: async () => order.push(contestant),
  });
  const { samples } = await takeTurns([[turn("a"), turn("b"), turn("c")]], 3);
  expect(order.join("")).toBe("abcbcacab");
  expect(samples).toEqual({ row: { a: [1, 6, 8], b: [2, 4, 9], c: [3, 5, 7] } });
});

test("who fails is left out from then on, and the others go on", async () => {
  let tries = 0;
  const failing = {
    row: "row",
    contestant: "a",
    measure: async () => {
      tries += 1;
      throw new Error("no store");
    },
  };
  const fine = { row: "row", contestant: "b", measure: async () => ({ first: 1, second: 2 }) };
  const { samples, failures } = await takeTurns([[failing, fine]], 2);
  expect(samples).toEqual({ first: { b: [1, 1] }, second: { b: [2, 2] } });
  expect(failures).toEqual(["a, row: no store"]);
  expect(tries).toBe(1);
});

test("a ratio is of the medians, its spread of the rounds, and above 1 where ours is better", () => {
  const samples = { ours: [10, 30, 20], theirs: [5, 10, 4] };
  const more = { name: "row", better: "more", samples } as const;
  expect(ratioOf(more, "ours", "theirs")).toEqual({ ratio: 4, least: 2, most: 5 });
  expect(ratioOf({ ...more, better: "less" }, "ours", "theirs")).toEqual({
    ratio: 0.25,
    least: 0.2,
    most: 0.5,
  });
  expect(ratioOf(more, "ours", "nobody")).toBeUndefined();
  const lost = { name: "lost", better: "less", samples: { ours: [0], theirs: [3] } } as const;
  expect(ratioOf(lost, "ours", "theirs")).toBeUndefined();
  expect(cellsOf(more, ["ours", "nobody"], "ours", "theirs")).toEqual(["row", "20", "–", "4× (2–5)"]);
  expect(Object.keys(ratiosOf("work", [more], "ours", "theirs"))).toEqual(["work: row"]);
});
