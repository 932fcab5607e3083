import type { DumpedKey } from "../../evidence/store-dump.js";
import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";
import type { Asked } from "./operations.js";
import { millisOf } from "./versions.js";

/** Keys that end by themselves, by docs/redis-layout.md, and for how long each is there at most, ms. */
const lifetimes: readonly (readonly [name: RegExp, most: number])[] = [
  [/^leader$/, 5000],
  [/^caller:/, 600_000],
  [/^lock:/, 1_800_000],
  [/^resumed:/, 86_400_000],
  [/^log:/, 86_400_000],
  [/^(history|failures):[^~]|^results?:/, 604_800_000],
];

/**
 * At each look what is there for a time only has a time to live, no longer than it may be there; of each rate no more starts are remembered than may
 * be in its period; and there are no more numbers of senders' calls than were under way at one moment. Says nothing of lifetimes where the
 * evidence is of before they were taken down.
 */
export const boundsHold: HistoryRule = (ledger) => {
  const most = mostSenders(ledger.operations);
  const rates = ratesIn(ledger);
  return factsOf(ledger.evidence, "store").flatMap(({ dump, at, when }): Finding[] => {
    const found = (rule: string, what: string): Finding[] => [
      { rule, at, message: `At ${when}: ${what}`, about: [], explainedByLoss: false },
    ];
    const senders = Object.keys(dump).filter((name) => name.startsWith("caller:"));
    const many =
      senders.length <= most
        ? []
        : found("unbounded", `${senders.length} senders of calls, of which ${most} were under way at once.`);
    return [
      ...many,
      ...Object.entries(dump).flatMap(([name, key]) => {
        const rate = /^rate:(.+)$/.exec(name)?.[1];
        const { max, per } = rates.get(rate ?? "") ?? { max: Number.POSITIVE_INFINITY, per: undefined };
        if (key.size > max)
          return found("unbounded", `${name} remembers ${key.size} starts, and ${max} may be in its period.`);
        const named = lifetimes.find(([is]) => is.test(name))?.[1];
        const longest = rate === undefined ? named : per && per + 1000;
        const wrong = longest === undefined ? undefined : livesTooLong(key, longest, ledger);
        return wrong === undefined ? [] : found("lifetime", `${name} ${wrong}.`);
      }),
    ];
  });
};

function livesTooLong({ ttl }: DumpedKey, most: number, { serverTime }: Ledger): string | undefined {
  if (ttl === undefined) return undefined;
  if (ttl < 0) return "does not end by itself";
  // Its end is an instant, which is farther away once the clock has been moved back.
  return ttl <= most || serverTime.isMoved ? undefined : `ends in ${ttl} ms, and may last for ${most}`;
}

/** Rates by scope: those of queues and tasks, and those of jobs' keys. */
function ratesIn({ trial, jobs }: Ledger): Map<string, { max: number; per: number | undefined }> {
  const rates = new Map<string, { max: number; per: number | undefined }>(Object.entries(trial.rates));
  for (const { job } of jobs.values())
    if (job.rateLimit !== undefined && job.concurrencyKey !== undefined)
      rates.set(`key:${job.concurrencyKey}`, {
        max: job.rateLimit.max,
        per: millisOf(job.rateLimit.per),
      });
  return rates;
}

/** A sender's numbers are as many as it had calls under way at one moment. There are two senders: the driver's client, and whoever enqueues for impostors. */
function mostSenders(operations: readonly Asked[]): number {
  const ofImpostor = operations.filter(({ does }) => does.do === "impostor");
  const ofClient = operations.filter(({ does }) => /^(define|update|enqueue)$/.test(does.do));
  return mostAtOnce(ofImpostor) + mostAtOnce(ofClient);
}

function mostAtOnce(operations: readonly Asked[]): number {
  const steps = operations.flatMap(({ asked, heard }) => [
    { mono: asked.mono, by: 1 },
    { mono: heard.mono, by: -1 },
  ]);
  let [now, most] = [0, 0];
  for (const { by } of steps.sort((a, b) => a.mono - b.mono || b.by - a.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
