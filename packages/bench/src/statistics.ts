/**
 * The middle of some numbers; of an even number of them the mean of the two in the middle.
 *
 * @throws RangeError if there are none
 */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError("no numbers to take the median of");
  return (lower + upper) / 2;
}

/**
 * The geometric mean of positive numbers: what ratios are to be averaged with.
 *
 * @throws RangeError if there are none
 */
export function geometricMean(numbers: readonly number[]): number {
  if (numbers.length === 0) throw new RangeError("no numbers to take the mean of");
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);
}

/**
 * The number below which that share of them lies: `quantile(numbers, 0.99)`. Of rising numbers.
 *
 * @throws RangeError if there are none
 */
export function quantile(rising: ArrayLike<number>, share: number): number {
  const number = rising[Math.min(rising.length - 1, Math.floor(rising.length * share))];
  if (number === undefined) throw new RangeError("no numbers to take a quantile of");
  return number;
}
