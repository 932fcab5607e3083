import { hash32 } from "./hash.js";

/**
 * Draws a number by hash: the same for the same seed and instant everywhere, random to look at otherwise. Part of the stored
 * format: changing it would move fire times.
 *
 * @param instant what it is drawn for, in ms
 * @param size how many numbers there are to draw from: an integer from 1 to 2^53
 * @returns an integer from 0 to less than `size`; each as likely as the next, but for one part in 2^53 of `size`
 */
export function draw(seed: string, instant: number, size: number): number {
  const high = hash32(seed, instant);
  const low = hash32("low", instant + high);
  const share = (high * 0x20_0000 + (low >>> 11)) / 0x20_0000_0000_0000;
  // The product may be rounded up to the size itself.
  return Math.min(Math.floor(share * size), size - 1);
}
