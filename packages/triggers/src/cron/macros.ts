import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";

const macros: ReadonlyMap<string, string> = new Map([
  ["@hourly", "0 * * * *"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@weekly", "0 0 * * 0"],
  ["@monthly", "0 0 1 * *"],
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
]);

/**
 * The expression that a macro such as `@daily` stands for; any other expression as it is.
 *
 * @throws InvalidTriggerError `INVALID_EXPRESSION` for a macro that there is not
 */
export function expandMacro(expr: string): string {
  if (!expr.startsWith("@")) return expr;
  const expanded = macros.get(expr.toLowerCase());
  if (expanded !== undefined) return expanded;
  throw new InvalidTriggerError(
    "INVALID_EXPRESSION",
    `there is no macro ${quote(expr)}: there are ${[...macros.keys()].join(", ")} and "@every <duration>"`,
    { field: "expr", value: expr, position: 0 },
  );
}
