import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The parameters of a row of kind `calendar` or `interval`. */
export interface CaseParams {
  readonly type?: "daily" | "weekly" | "monthly";
  readonly interval?: number;
  readonly atTimes?: readonly string[];
  readonly tz?: string;
  /** Also the instant that the interval is counted from. */
  readonly lastRun: string;
  readonly weekdays?: readonly string[];
  readonly daysOfMonth?: readonly number[];
  readonly dstPolicy?: "skip" | "runAfterTransition";
  readonly intervalMs?: number;
}

/** One fact from the tests of another scheduler: an input and what must come of it. */
export interface Case {
  readonly id: string;
  readonly kind: "next" | "matches" | "invalid" | "valid" | "calendar" | "interval";
  readonly dialect?: "vixie" | "quartz";
  readonly expr?: string;
  readonly timezone?: string;
  /** Fire times are asked for later than this (at or later, if `inclusive`). */
  readonly after?: string;
  readonly inclusive?: boolean;
  /** `expected` holds this fire time alone, counted from 1. */
  readonly nth?: number | null;
  /** Nothing may follow the expected ones. */
  readonly exhausted?: boolean;
  readonly at?: readonly string[];
  readonly params?: CaseParams;
  readonly expected?: readonly (string | boolean)[];
  readonly source: string;
}

/** The cases of `cases/triggers.json`. */
export function readCases(): readonly Case[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../../cases/triggers.json"), "utf8"));
}
