import type { Ledger } from "./ledger.js";

/** Something that a rule does not allow. */
export interface Finding {
  readonly rule: string;
  /** When, by the wall clock, ms. */
  readonly at: number;
  readonly message: string;
  /** The runs, jobs or nodes that it is about: their story is told. */
  readonly about: readonly string[];
  /** What a store that lost acknowledged writes brings about by itself. @default true */
  readonly explainedByLoss?: boolean;
}

/** A rule: what it finds broken. */
export type HistoryRule = (ledger: Ledger) => Finding[];
