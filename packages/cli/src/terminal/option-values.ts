import { parseDuration } from "@escapement/triggers";
import { InvalidArgumentError } from "commander";

/** Reads `a,b,c`. */
export function list(text: string): string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) throw new InvalidArgumentError("Give names with commas between.");
  return items;
}

/** Reads a whole number of at least 1. */
export function count(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number of at least 1.");
}

/** Reads a duration such as `10s` into milliseconds. */
export function milliseconds(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Reads a whole number, also a negative one. */
export function signed(text: string): number {
  if (/^-?\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number.");
}

/** Reads a share from 0 to 1. */
export function share(text: string): number {
  if (/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a share from 0 to 1, such as 0.5.");
}
