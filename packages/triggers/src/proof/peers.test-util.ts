import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";
import type { KnownCron } from "./oracle.test-util.js";

/** What a peer answers to "the next fire time after": an instant, none, or an exception's message. */
export type PeerAnswer =
  | { readonly kind: "time"; readonly at: number }
  | { readonly kind: "none" }
  | { readonly kind: "threw"; readonly message: string };

/** Another cron library, asked for the same as ours. */
export interface Peer {
  readonly name: string;
  /** Whether its language has everything that an expression uses. */
  understands(cron: KnownCron): boolean;
  next(cron: KnownCron, timezone: string, after: number): PeerAnswer;
}

// Neither takes `+05:30`; these zones have had that offset ever since, at least from 1970 on.
const sameOffset: Readonly<Record<string, string>> = { "+05:30": "Asia/Kolkata", "-03:00": "Etc/GMT+3" };

function answer(ask: () => Date | null): PeerAnswer {
  try {
    const found = ask();
    return found === null ? { kind: "none" } : { kind: "time", at: found.getTime() };
  } catch (error) {
    return { kind: "threw", message: error instanceof Error ? error.message : String(error) };
  }
}

const cronParser: Peer = {
  name: "cron-parser",
  understands: ({ monthDays }) => !/W|L-/.test(monthDays.text),
  next: ({ expr }, timezone, after) =>
    answer(() => {
      const options = { tz: sameOffset[timezone] ?? timezone, currentDate: new Date(after) };
      return CronExpressionParser.parse(expr, options).next().toDate();
    }),
};

const croner: Peer = {
  name: "croner",
  understands: ({ monthDays }) => !/L-/.test(monthDays.text),
  next: ({ expr }, timezone, after) =>
    answer(() => {
      const options = {
        paused: true,
        timezone: sameOffset[timezone] ?? timezone,
        sloppyRanges: true, // `5/15`
        fixedTimeRule: "no-wildcard", // the nearest that it has to Vixie's rule
      } as const;
      return new Cron(expr, options).nextRun(new Date(after));
    }),
};

/** The libraries to compare with, as they are used: with their own reading of a change of clocks. */
export const peers: readonly Peer[] = [cronParser, croner];
