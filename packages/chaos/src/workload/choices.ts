import type { Random } from "../random.js";

/** Draws one of some, each as often as its number says. */
export function weighted<T extends string>(random: Random, of: Readonly<Record<T, number>>): T {
  const entries = Object.entries(of) as [T, number][];
  let left = random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight] of entries) {
    left -= weight;
    if (left < 0) return name;
  }
  return (entries.at(-1) as [T, number])[0];
}

/** Whether something happens that does so once in `times`. */
export function onceIn(random: Random, times: number): boolean {
  return random.between(1, times) === 1;
}
