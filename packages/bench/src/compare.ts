import { figure, table } from "./table.js";

/** How many times better ours came off than a peer: more done, less used, less late. Above 1 ours is the better one. */
export interface Ratio {
  /** Of the medians. */
  readonly ratio: number;
  /** Of the rounds, the round that was worst for us. */
  readonly least: number;
  /** Of the rounds, the one that was best. */
  readonly most: number;
}

/** Ratios by what was measured, such as `no-op: concurrency 100`. */
export type Ratios = Readonly<Record<string, Ratio>>;

/** What has become of stored ratios. */
export interface Comparison {
  readonly lines: readonly string[];
  /** Those that have fallen by more than the tolerance, or are no numbers. */
  readonly fallen: readonly string[];
  /** How many were held against stored ones. */
  readonly compared: number;
}

/**
 * Holds ratios against stored ones. What only one of them has is not compared: works can be left out, and new ones come.
 *
 * @param tolerance the share by which a ratio may be below the stored one, such as 0.25
 */
export function compareRatios(stored: Ratios, now: Ratios, tolerance: number): Comparison {
  const fallen: string[] = [];
  const rows = Object.entries(now).flatMap(([name, { ratio, least, most }]) => {
    const before = stored[name];
    if (before === undefined) return [];
    const hasFallen = !(ratio >= before.ratio * (1 - tolerance));
    if (hasFallen) fallen.push(name);
    const change = Math.round((ratio / before.ratio - 1) * 100);
    return [
      [
        name,
        figure(before.ratio),
        `${figure(ratio)} (${figure(least)}–${figure(most)})`,
        `${change > 0 ? "+" : ""}${change}%`,
        hasFallen ? "FALLEN" : "",
      ],
    ];
  });
  const uncompared = Object.keys(now).length - rows.length;
  const unmeasured = Object.keys(stored).length - rows.length;
  return {
    lines: [
      ...table(["ratio to the peer", "stored", "now", "change", ""], rows),
      ...(uncompared > 0 ? [`${uncompared} ratios have no stored one`] : []),
      ...(unmeasured > 0 ? [`${unmeasured} stored ratios were not measured`] : []),
      fallen.length === 0
        ? `None of ${rows.length} ratios has fallen by more than ${Math.round(tolerance * 100)}%`
        : `${fallen.length} of ${rows.length} ratios have fallen by more than ${Math.round(tolerance * 100)}%`,
    ],
    fallen,
    compared: rows.length,
  };
}

/** The ratios in what `--json` or `--docs` has written. @throws Error if there are none */
export function readRatios(json: string): Ratios {
  const read: unknown = JSON.parse(json);
  const ratios = typeof read === "object" && read !== null && "ratios" in read ? read.ratios : undefined;
  if (typeof ratios !== "object" || ratios === null)
    throw new Error("has no ratios: give it what --json has written");
  for (const [name, ratio] of Object.entries(ratios))
    if (!isRatio(ratio)) throw new Error(`has a ratio “${name}” that is none`);
  return ratios as Ratios;
}

function isRatio(value: unknown): value is Ratio {
  const isNumber = (name: keyof Ratio): boolean =>
    typeof value === "object" && value !== null && typeof (value as Partial<Ratio>)[name] === "number";
  return isNumber("ratio") && isNumber("least") && isNumber("most");
}
