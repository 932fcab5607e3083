import { expect } from "vitest";
import { kinds } from "./defining.js";
import type { Judged } from "./judged.js";
import { type Option, right } from "./options.js";

const outcomes = ["stored", "refused", "previewed"] as const;
type Count = Record<(typeof outcomes)[number], number>;
const none = (): Count => ({ stored: 0, refused: 0, previewed: 0 });

/** Counts what was drawn, and what became of it. */
export class Tally {
  readonly #calls = new Map<string, Count>(kinds.map((what) => [what, none()]));
  readonly #definitions: Count = none();
  readonly #options = new Map<Option, Count>((Object.keys(right) as Option[]).map((name) => [name, none()]));
  #others = 0;

  add({ what, outcome, qualities, options }: Judged): void {
    const count = this.#calls.get(what);
    if (count !== undefined) count[outcome] += 1;
    this.#definitions[outcome] += qualities.length;
    for (const name of options) {
      const of = this.#options.get(name);
      if (of !== undefined) of[outcome] += 1;
    }
  }

  addOther(): void {
    this.#others += 1;
  }

  /** Enough is stored for it to be compared, and enough refused; of many, each option was stored with values, and refused with others. */
  expectEnough(calls: number): void {
    const of = (outcome: keyof Count): number =>
      [...this.#calls.values()].reduce((sum, count) => sum + count[outcome], 0);
    expect(of("stored") + of("refused") + of("previewed")).toBe(calls);
    expect(of("stored"), "stored and compared").toBeGreaterThanOrEqual(0.4 * calls);
    expect(of("refused"), "refused").toBeGreaterThanOrEqual(0.2 * calls);
    if (calls < 2000) return;
    for (const [name, { stored, refused }] of this.#options) {
      expect(stored, `${name} stored`).toBeGreaterThan(0);
      expect(refused, `${name} refused`).toBeGreaterThan(0);
    }
  }

  toString(): string {
    const line = (name: string, { stored, refused, previewed }: Count): string =>
      `  ${name}: ${stored} stored and compared, ${refused} refused${previewed > 0 ? `, ${previewed} only previewed` : ""}`;
    const calls = [...this.#calls.values()];
    const all = Object.fromEntries(
      outcomes.map((outcome) => [outcome, calls.reduce((sum, count) => sum + count[outcome], 0)]),
    ) as Count;
    const drawn = all.stored + all.refused + all.previewed;
    const lowest = (outcome: "stored" | "refused"): string => {
      const [[name, count] = ["-", none()]] = [...this.#options].sort(
        ([, a], [, b]) => a[outcome] - b[outcome],
      );
      return `${count[outcome]} times (${name})`;
    };
    return [
      `${drawn} calls that define jobs, ${Math.round((100 * all.stored) / drawn)} % stored, among ${this.#others} others`,
      line("all calls", all),
      ...[...this.#calls].map(([what, count]) => line(what, count)),
      line("definitions in them", this.#definitions),
      `  each option compared at least ${lowest("stored")}, refused with a wrong value at least ${lowest("refused")}`,
    ].join("\n");
  }
}
