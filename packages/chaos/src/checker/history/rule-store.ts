import type { DumpedKey, StoreDump } from "../../evidence/store-dump.js";
import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger } from "./ledger.js";
import { openIn } from "./open.js";
import { lastMoment } from "./rule-fire-times.js";
import { takenOutIn } from "./taken-out.js";
import type { Other } from "./told.js";

/** Keys that stay when all jobs are removed and all nodes have left, by docs/redis-layout.md. */
const stay =
  /^(meta|clock|epoch|fence|events|finished|dead-letters|leader:resigned|(history|failures|results|result|log|dead-letters|rate|caller):.*|pauses|mended|retention|sets)$/;
/** The same of several partitions: what they had to tell one another, and what places they have lent. */
const stayBetween = /^(inbox|lending|(outbox|lent|borrowed|resumed):.*)$/;
/** Those that nodes have for as long as they are there. */
const ofNodes = /^(nodes|node-info|leader|request:.*)$/;

/** At each look every run stands in one index; what belongs to runs belongs to ones that there are. */
export const storeIsSound: HistoryRule = ({ evidence }) => {
  // While a slot moves, a part of its keys is on either server, and a look sees one of them.
  const moves = factsOf(evidence, "fault").filter(({ fault }) => fault === "slot-migration");
  return factsOf(evidence, "store").flatMap(({ dump, at, when }) => {
    if (moves.some(({ from, until }) => from <= at && at <= until)) return [];
    return flawsOf(dump).map(({ what, runs }): Finding => {
      const message = `At ${when}: ${what}: ${runs.slice(0, 5).join(", ")}.`;
      return { rule: "unsound-store", at, message, about: runs.slice(0, 3) };
    });
  });
};

/** After the end no keys are left but those that stay, of which rule-bounds.ts says how many, how large and for how long. */
export const nothingIsLeft: HistoryRule = ({ evidence, runs, parts }) =>
  factsOf(evidence, "store").flatMap(({ dump, at, when }): Finding[] => {
    if (when === "settled" || when === "during") return [];
    const left = Object.keys(dump).filter(
      (name) =>
        !stay.test(name) &&
        !(parts.length > 1 && stayBetween.test(name)) &&
        !(when === "removed" && ofNodes.test(name)) &&
        !isLeftToExpire(name, runs),
    );
    return left.map((name) => ({
      rule: "left-behind",
      at,
      message: `When all jobs were removed${when === "stopped" ? " and all nodes had left" : ""}, the key ${name} was there: ${JSON.stringify(dump[name]?.value).slice(0, 300)}.`,
      about: [],
    }));
  });

/** The lock of an attempt that was given up: the process that took it may have begun, and nobody knows. It ends with its time to live. */
function isLeftToExpire(name: string, runs: Ledger["runs"]): boolean {
  const [, run = "", attempt] = /^lock:(.+)#(\d+)$/.exec(name) ?? [];
  return (
    runs.get(run)?.ends.some((end) => end.attempt === Number(attempt) && /[lc]/.test(end.state)) ?? false
  );
}

/** All that was due when the last fault was over came to its end within a bound. */
export const everythingSettles: HistoryRule = (ledger) => {
  const { reached } = ledger;
  const given = reached("removed");
  const open = openIn(ledger, Math.min(reached("healed"), lastMoment(ledger)));
  if (!Number.isFinite(given) || (Number.isFinite(reached("settled")) && open.length === 0)) return [];
  // One for each: what a store has lost may keep some of them from ending, and not the others.
  const each = open.length === 0 ? ["(nothing by now)"] : open;
  return each.map((name) => {
    const message = `What was due when the faults were over had not all ended when nobody waited any longer: ${name}.`;
    return { rule: "not-settled", at: given, message, about: [name] };
  });
};

/** What the sweeper tells of a node that somebody took off the list, and how the doctor tells how often. */
const unlisted = "node without a lease";
const unlistedOnly = new RegExp(
  `^(?:Partitions? [\\d, ]+: )?The sweeper has put right: ${unlisted}: (\\d+)\\. `,
);

/** Nothing had to be mended: but nodes that somebody took off the list, each once, which is what the sweeper is for. */
export const nothingNeedsMending: HistoryRule = (ledger) => {
  const isOfFault = takenOutBy(ledger);
  return mendedIn(ledger).flatMap((line): Finding[] => {
    if (isOfFault(line)) return [];
    return [
      {
        rule: "mended",
        at: line.t,
        message: `The sweeper mended ${line.subject}: ${line.rest.join(" ")}.`,
        about: [line.subject],
      },
    ];
  });
};

function mendedIn({ told }: Ledger): Other[] {
  return told.filter((line): line is Other => line.what === "other" && line.word === "mended");
}

function takenOutBy({ evidence }: Ledger): (line: Other) => boolean {
  const takenOut = takenOutIn(evidence);
  return ({ t, subject, rest }) =>
    rest.join(" ") === unlisted && takenOut.some(({ id, isNear }) => id === subject && isNear(t));
}

/** The doctor finds nothing, but that these were mended. */
export const doctorFindsNothing: HistoryRule = ({ evidence, trial, parts }) => {
  const stalled = factsOf(evidence, "event").some(({ event }) => event === "leaderStalled");
  const excused = parts.reduce((sum, part) => sum + mendedIn(part).filter(takenOutBy(part)).length, 0);
  return factsOf(evidence, "doctor").flatMap(({ findings, at }) =>
    findings.flatMap((finding): Finding[] => {
      const {
        level,
        check,
        message = "",
      } = finding as {
        level?: string;
        check?: string;
        message?: string;
      };
      // A leader that got nothing done while the store was down says so for as long as it lives.
      if (level === "ok" || (check === "leader" && level === "warning" && stalled)) return [];
      if (check === "sweeper" && Number(unlistedOnly.exec(message)?.[1] ?? Infinity) <= excused) return [];
      if (check === "persistence" && trial.topology === "no-aof") return []; // it is right
      return [{ rule: "doctor", at, message: `The doctor finds ${JSON.stringify(finding)}.`, about: [] }];
    }),
  );
};

interface Flaw {
  readonly what: string;
  readonly runs: readonly string[];
}

function namesIn(key: DumpedKey | undefined): string[] {
  const { value } = key ?? {};
  if (value === undefined || typeof value === "string") return [];
  return Array.isArray(value) ? [...(value as readonly string[])] : Object.keys(value);
}

function pairsIn(key: DumpedKey | undefined): [string, string][] {
  const { value } = key ?? {};
  return value === undefined || typeof value === "string" || Array.isArray(value)
    ? []
    : Object.entries(value as Record<string, string>);
}

/** What is wrong in a store at one moment. */
export function flawsOf(dump: StoreDump): Flaw[] {
  const places = new Map<string, string[]>();
  for (const [name, key] of Object.entries(dump))
    if (/^(waiting|blocked|paused|(active|full|ready):.*)$/.test(name))
      for (const run of namesIn(key)) places.set(run, [...(places.get(run) ?? []), name]);
  const held = (run: string): boolean => (places.get(run)?.[0] ?? "").startsWith("active:");
  const strays = (runs: readonly string[]): string[] => runs.filter((run) => !places.has(run));
  const unstarted = namesIn(dump["unstarted"]);
  const byJob = new Set([...unstarted, ...namesIn(dump["requeued"])]);
  const queued = [...places.keys()].filter((run) => run.includes("@") && !held(run));
  const holds = pairsIn(dump["holds"]);
  const scopes = Object.keys(dump).filter((name) => name.startsWith("held:"));
  const flaws: Flaw[] = [
    {
      what: "runs in more than one index",
      runs: [...places].flatMap(([run, all]) => (all.length > 1 ? [`${run} in ${all.join(" and ")}`] : [])),
    },
    { what: "attempts of runs in no index", runs: strays(namesIn(dump["attempts"])) },
    { what: "enqueued runs in no index", runs: strays(namesIn(dump["runs"])) },
    { what: "unstarted runs in no index", runs: strays(unstarted) },
    { what: "unstarted runs that nodes hold", runs: unstarted.filter(held) },
    { what: "queued runs that are not listed by job", runs: queued.filter((run) => !byJob.has(run)) },
    {
      what: "running runs in no index",
      runs: strays(pairsIn(dump["running"]).map(([, text]) => text.split(" ")[0] ?? "")),
    },
    {
      what: "progress of runs that nobody holds",
      runs: namesIn(dump["progress"]).filter((run) => !held(run)),
    },
    { what: "places of runs that nobody holds", runs: holds.flatMap(([run]) => (held(run) ? [] : [run])) },
    { what: "runs that wait for a key nowhere", runs: strays(namesIn(dump["limited"])) },
    ...scopes.map((name) => ({
      what: `holders of ${name} that hold no place`,
      runs: namesIn(dump[name]).filter(
        (run) => !holds.some(([one, all]) => one === run && all.split(" ").includes(name.slice(5))),
      ),
    })),
    { what: "lanes that are not listed", runs: unlistedLanes(dump) },
  ];
  return flaws.filter(({ runs }) => runs.length > 0);
}

function unlistedLanes(dump: StoreDump): string[] {
  const listed = new Set(namesIn(dump["ready"]));
  const lanes = Object.keys(dump).flatMap((name) => (name.startsWith("ready:") ? [name.slice(6)] : []));
  return [
    ...lanes.filter((lane) => !listed.has(lane)),
    ...[...listed].filter((lane) => !lanes.includes(lane)),
  ];
}
