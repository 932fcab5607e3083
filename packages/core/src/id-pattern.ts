import { InvalidOptionError } from "./errors.js";

/** A pattern for ids: what an id may hold, `*` for any characters and `?` for any one. @throws InvalidOptionError */
export function patternAt(path: string, value: unknown): string {
  if (typeof value === "string" && /^[A-Za-z0-9_.:/*?-]{1,128}$/.test(value)) return value;
  throw new InvalidOptionError(
    path,
    'must be a pattern such as "reports/*": 1 to 128 of A-Z a-z 0-9 _ . : / - and * for any characters, ? for any one.',
  );
}

/** Whether an id fits a pattern. Takes no longer than the lengths of both multiplied, whatever the pattern. */
export function fitsPattern(id: string, pattern: string): boolean {
  let [at, here] = [0, 0];
  let [star, from] = [-1, 0]; // the last `*`, and where what follows it was tried last
  while (at < id.length) {
    if (pattern[here] === "*") {
      [star, from] = [here, at];
      here += 1;
    } else if (pattern[here] === "?" || pattern[here] === id[at]) {
      at += 1;
      here += 1;
    } else if (star >= 0) {
      from += 1;
      [at, here] = [from, star + 1];
    } else return false;
  }
  while (pattern[here] === "*") here += 1;
  return here === pattern.length;
}
