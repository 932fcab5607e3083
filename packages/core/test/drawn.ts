/** What a test with random input tries. */
export interface Drawn {
  readonly numRuns: number;
  readonly seed: number;
}

/**
 * `ESCAPEMENT_<name>_RUNS` inputs, drawn from the seed `ESCAPEMENT_<name>_SEED`. Without them it is `usual` inputs from a
 * seed that is always the same: a normal run must not pass one day and fail the next.
 */
export function drawn(name: string, usual: number): Drawn {
  const runs = process.env[`ESCAPEMENT_${name}_RUNS`];
  const seed = process.env[`ESCAPEMENT_${name}_SEED`];
  const found = {
    numRuns: Number(runs ?? usual),
    seed: Number(seed ?? (runs === undefined ? 20_261_123 : Date.now() % 0x7fff_ffff)),
  };
  console.log(`${found.numRuns} random inputs, ESCAPEMENT_${name}_SEED=${found.seed}`);
  return found;
}
