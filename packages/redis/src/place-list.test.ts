import fc from "fast-check";
import { expect, test } from "vitest";
import { PlaceList } from "./place-list.js";

test("has what was added and has not left, each once, in whatever order they leave", () => {
  const step = fc.tuple(fc.boolean(), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new PlaceList<{ place: number }>();
      const there = new Set<{ place: number }>();
      const all: { place: number }[] = [];
      for (const [adds, pick] of steps) {
        if (adds || all.length === 0) {
          const one = { place: -1 };
          all.push(one);
          list.add(one);
          there.add(one);
        } else {
          // One that has left already may leave again.
          const one = all[pick % all.length] as { place: number };
          list.remove(one);
          there.delete(one);
        }
        expect(list.size).toBe(there.size);
        expect(new Set(list)).toEqual(there);
        expect([...list].map(({ place }) => place).sort()).toEqual(
          [...there].map(({ place }) => place).sort(),
        );
      }
    }),
  );
});

test("goes through all that were there, also if they leave meanwhile", () => {
  const list = new PlaceList<{ place: number }>();
  const all = [{ place: -1 }, { place: -1 }, { place: -1 }];
  for (const one of all) list.add(one);
  const seen: unknown[] = [];
  for (const one of list) {
    seen.push(one);
    for (const other of all) list.remove(other);
  }
  expect(seen).toEqual(all);
  expect(list.size).toBe(0);
});
