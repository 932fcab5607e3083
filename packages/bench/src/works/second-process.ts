import { escapement } from "../queues/index.js";
import { type Rounds, ratioOf, ratioText } from "../rounds.js";
import { median } from "../statistics.js";
import { figure } from "../table.js";
import type { Case } from "./no-op.js";

/** Under which name it is noted of how many cores Redis made use in a row. */
export function coresIn(row: string): string {
  return `${row}: Redis' cores`;
}

/** What a second process of ours adds: two to one at the same concurrency, and what that leaves of the core that Redis has. */
export function secondProcess(cases: readonly Case[], samples: Rounds["samples"]): string[] {
  const ours = (row: string): readonly number[] => samples[row]?.[escapement.name] ?? [];
  return cases.flatMap((two) => {
    const one = cases.find((other) => other.processes === 1 && isAlike(other, two));
    if (two.processes !== 2 || one === undefined) return [];
    const row = {
      name: two.name,
      better: "more",
      samples: { two: ours(two.name), one: ours(one.name) },
    } as const;
    const ratio = ratioOf(row, "two", "one");
    if (ratio === undefined) return [];
    const [with1, with2] = [one, two].map(({ name }) => figure(100 * median(ours(coresIn(name)))));
    return [
      `Two processes of ${escapement.name} to one, at ${one.name}: ${ratioText(ratio)}. Redis used ${with1}% of a core with one, ${with2}% with two.`,
    ];
  });
}

function isAlike(one: Case, other: Case): boolean {
  const [about, otherAbout] = [one, other].map(({ concurrency, handler, voters }) =>
    JSON.stringify([concurrency, handler, voters]),
  );
  return about === otherAbout;
}
