import { InvalidTriggerError } from "../invalid-trigger-error.js";
import { maxSearchSteps } from "../limits.js";

interface Budget {
  left: number;
  /** Whether a part of the search ended for want of steps. */
  gaveUp?: boolean;
}

const year = 365 * 86_400_000;
/** What looking a year further on costs: the zone's changes of clocks in it may have to be found first. */
const stepsPerYear = 10;

// Computations never wait, so that no two are ever under way at once: one variable serves all.
let current: Budget | null = null;

/**
 * Runs a search that calls {@link spend} for each step. One within another shares its steps: nested, they would otherwise
 * multiply, and a trigger from a request could keep the process busy for days.
 *
 * @throws InvalidTriggerError `SEARCH_LIMIT` if nothing was found for want of steps
 */
export function search(run: () => number | null): number | null {
  if (current !== null) return run();
  const budget: Budget = { left: maxSearchSteps };
  const found = runWith(budget, run);
  if (found === null && (budget.left < 0 || budget.gaveUp)) {
    throw new InvalidTriggerError(
      "SEARCH_LIMIT",
      `no fire time was found in ${maxSearchSteps} steps: combine triggers that coincide more often, or exclude less`,
    );
  }
  return found;
}

/**
 * Runs many searches on so many steps in all.
 *
 * @returns what `run` returned, and whether the steps sufficed
 */
export function searchWithin<T>(
  steps: number,
  run: () => T,
): { readonly result: T; readonly sufficed: boolean } {
  const budget: Budget = { left: steps };
  const result = runWith(budget, run);
  return { result, sufficed: budget.left >= 0 && !budget.gaveUp };
}

/**
 * Runs one of several computations that are to share the steps left: none can use up all, and what one leaves is left
 * to the rest.
 *
 * @param parts how many are still to be run, this one included
 */
export function searchPart<T>(parts: number, run: () => T): T {
  const outer = current ?? { left: maxSearchSteps };
  const granted = Math.floor(outer.left / parts);
  const own: Budget = { left: granted };
  const result = runWith(own, run);
  outer.left -= granted - Math.max(own.left, 0);
  if (own.left < 0 || own.gaveUp) outer.gaveUp = true;
  return result;
}

/** Counts steps of the search under way; `false`: there are none left, and the search ends with nothing found. */
export function spend(steps: number = 1): boolean {
  if (current === null) return true;
  current.left -= steps;
  return current.left >= 0;
}

/** Counts a step that went on by so many ms: a long one costs more. */
export function spendOn(distance: number): boolean {
  return spend(1 + stepsPerYear * Math.floor(Math.abs(distance) / year));
}

function runWith<T>(budget: Budget, run: () => T): T {
  const outer = current;
  current = budget;
  try {
    return run();
  } finally {
    current = outer;
  }
}
