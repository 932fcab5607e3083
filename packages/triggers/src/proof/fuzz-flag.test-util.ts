const number = (name: string): number | undefined => {
  const value = Number(process.env[name] || Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
};

/** How many random cases the long run asks for (`npm run fuzz:fire-times`), or `undefined` in a normal run. */
export const fuzzRuns: number | undefined = number("ESCAPEMENT_FUZZ_RUNS");

/**
 * Where random numbers start from: `ESCAPEMENT_FUZZ_SEED`. Else always the same in a normal run, which must not pass one day
 * and fail the next, and the time of day in a long run, which prints it.
 */
export const fuzzSeed: number =
  number("ESCAPEMENT_FUZZ_SEED") ?? (fuzzRuns === undefined ? 20_261_121 : Date.now() % 0x7fff_ffff);

/** How long a long run may take, in ms; a normal run keeps to the default. */
export const fuzzTimeout: number = fuzzRuns === undefined ? 60_000 : 3_600_000;
