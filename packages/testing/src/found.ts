import { type EventuallyOptions, eventually } from "./eventually.js";

/** Looks again and again until there is something to be found; `undefined` means not yet. */
export async function found<T>(
  look: () => Promise<T | undefined>,
  options: EventuallyOptions = {},
): Promise<T> {
  const seen: T[] = [];
  await eventually(async () => {
    const it = await look();
    if (it !== undefined) seen.push(it);
    return seen.length > 0;
  }, options);
  return seen[0] as T;
}
