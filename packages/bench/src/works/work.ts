import type { Ratios } from "../compare.js";
import type { Section } from "../section.js";

/** How much is spent on a work. */
export interface Budget {
  /** How often each thing is timed; the median counts. */
  readonly rounds: number;
  /** What a sample takes at least, in ms: with less, the clock and the machine are measured. */
  readonly sampleMs: number;
  /** How many instants each contestant is asked about. */
  readonly instants: number;
  /** How many jobs there are in works about many jobs. */
  readonly jobs: number;
  /** About how long a sample of queue work takes for a peer, in ms. */
  readonly queueMs: number;
}

/** Figures for people to read and for the JSON report. */
export interface Outcome {
  /** Lines of text. */
  readonly lines: readonly string[];
  /** Plain JSON. */
  readonly figures: object;
  /** A page of the documentation that is made of the figures, by its path from the top folder; `--docs` writes it. */
  readonly page?: { readonly file: string; readonly text: string };
  /** What the work adds to docs/benchmarks.md. */
  readonly section?: Section;
  /** How many times better ours came off than a peer, by what was measured: what `--compare` compares. */
  readonly ratios?: Ratios;
}

/** The same work, done by this project and by its peers. */
export interface Work {
  /** What `--only` takes. */
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  run(budget: Budget): Promise<Outcome>;
}
