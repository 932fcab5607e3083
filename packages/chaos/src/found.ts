import { eventually } from "@escapement/testing";

/** Looks again and again until there is something to be found. @param within the deadline in ms */
export async function found<T>(
  look: () => T | undefined | Promise<T | undefined>,
  within: number,
): Promise<T> {
  const seen: T[] = [];
  await eventually(
    async () => {
      const value = await look();
      if (value !== undefined) seen.push(value);
      return seen.length > 0;
    },
    { within, every: 50 },
  );
  return seen[0] as T;
}
