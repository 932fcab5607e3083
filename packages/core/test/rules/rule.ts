/** The tests that keep the rules of one section of docs/semantics.md, each by how its title begins. */
export interface Rule {
  /** The section's heading; or, of what the page says throughout, none. */
  readonly section?: string;
  /** What the titles of its tests begin with. @default each name in the heading */
  readonly named?: readonly string[];
  readonly tests: readonly string[];
  /** Those with several instances, where the rule speaks of the cluster. */
  readonly cluster?: readonly string[];
  /** Those with a killed process, where the rule speaks of a crash: scenarios of chaos. */
  readonly killed?: readonly string[];
}

/** Titles that begin alike. */
export const of = (name: string, ...titles: readonly string[]): string[] =>
  titles.map((title) => `${name}: ${title}`);
