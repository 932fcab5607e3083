import type { FieldValues } from "./field-values.js";
import { cyclicRun } from "./words.js";

// Longer lists would be no sentence any more.
const maxItems = 16;

/**
 * The seconds or minutes in a form that cronstrue says truthfully: a step only where it divides the hour, since
 * "every 7 minutes" is not what a step of 7 from 0 does; else a step within bounds, or a list. `undefined`: there is none.
 */
export function sixtyText(field: FieldValues): string | undefined {
  const { values, full } = field;
  if (full) return "*";
  const [first = 0] = values;
  const step = commonStep(values);
  if (step > 1 && 60 % step === 0 && values.length === 60 / step)
    return `${first === 0 ? "*" : first}/${step}`;
  return progression(values, step) ?? listOf(values);
}

/** The hours where there is one minute and second: they are times then. */
export function hourText({ values, full }: FieldValues): string | undefined {
  if (full) return "*";
  const step = commonStep(values);
  const run = cyclicRun(values, 0, 23);
  if (run && run.length > 2) return `${run[0]}-${run.at(-1)}`;
  if (values.length <= 6) return listOf(values);
  if (values[0] === 0 && step > 1 && values.length === 24 / step) return `*/${step}`;
  return progression(values, step) ?? listOf(values);
}

/** The hours where there are several minutes in each: they are stretches of time then, `9-9` that from 09:00 to 09:59. */
export function hourSpansText({ values, full }: FieldValues): string | undefined {
  if (full) return "*";
  const run = cyclicRun(values, 0, 23);
  if (run) return `${run[0]}-${run.at(-1)}`;
  const spans = runsOf(values);
  return spans.length > 6 ? undefined : spans.map(([from, to]) => `${from}-${to}`).join(",");
}

/** The days of the month, one thing that is no number among them only where cronstrue reads it. */
export function dayOfMonthText({ values, specials, full }: FieldValues): string | undefined {
  if (full) return "*";
  const [special] = specials;
  if (special === undefined) return listWithRuns(values);
  if (specials.length > 1) return undefined;
  if (special === "L") return [...values, "L"].length > maxItems ? undefined : [...values, "L"].join(",");
  // In a list cronstrue would leave out the rest.
  return values.length === 0 && /^(?:LW|L-\d\d?|\d\d?W)$/.test(special) ? special : undefined;
}

/** The months. */
export function monthText({ values, full }: FieldValues): string | undefined {
  if (full) return "*";
  const run = cyclicRun(values, 1, 12);
  return run && run.length > 2 ? `${run[0]}-${run.at(-1)}` : listOf(values);
}

/** The days of the week; as a list where a range would be said without the word that tells "and" from "or". */
export function dayOfWeekText(
  { values, specials, full }: FieldValues,
  asList: boolean = false,
): string | undefined {
  if (full) return "*";
  if (specials.length > 0) {
    const numbered = specials.every((special) => /^\d#[1-5]$/.test(special));
    const last = specials.length === 1 && /^\dL$/.test(specials[0] ?? "");
    return values.length === 0 && (numbered || last) ? specials.join(",") : undefined;
  }
  const run = cyclicRun(values, 0, 6);
  if (!asList && run && run.length > 2) return `${run[0]}-${run.at(-1)}`;
  // Sunday as 7 stands at the end.
  return listOf(values.map((day) => day || 7).sort((a, b) => a - b));
}

/** The years. */
export function yearText({ values, full }: FieldValues): string | undefined {
  return full ? "*" : listWithRuns(values);
}

/** The distance between each two neighbours if it is always the same, else 0. */
function commonStep(values: readonly number[]): number {
  const step = (values[1] ?? 0) - (values[0] ?? 0);
  return values.every((value, index) => index === 0 || value - (values[index - 1] ?? 0) === step) ? step : 0;
}

function progression(values: readonly number[], step: number): string | undefined {
  if (values.length < 4 || step === 0) return undefined;
  const range = `${values[0]}-${values.at(-1)}`;
  return step === 1 ? range : `${range}/${step}`;
}

function listOf(values: readonly number[]): string | undefined {
  return values.length === 0 || values.length > maxItems ? undefined : values.join(",");
}

function listWithRuns(values: readonly number[]): string | undefined {
  const items = runsOf(values).flatMap(([from, to]) => {
    if (to - from > 1) return `${from}-${to}`;
    return to === from ? `${from}` : [`${from}`, `${to}`];
  });
  return items.length === 0 || items.length > maxItems ? undefined : items.join(",");
}

function runsOf(values: readonly number[]): readonly (readonly [from: number, to: number])[] {
  const runs: [number, number][] = [];
  for (const value of values) {
    const run = runs.at(-1);
    if (run && run[1] === value - 1) run[1] = value;
    else runs.push([value, value]);
  }
  return runs;
}
