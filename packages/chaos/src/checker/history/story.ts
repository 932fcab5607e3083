import type { Evidence } from "../../evidence/evidence.js";
import { factsOf, show } from "../case.js";
import type { Finding } from "./finding.js";
import type { Ledger } from "./ledger.js";
import { partsOf } from "./ledger.js";

/** For so many ms around a finding faults, elections, deaths and pauses are told with it. */
const around = 8000;

interface Line {
  readonly at: number;
  readonly text: string;
}

/** All that is known of what a finding is about, in order of time, for people. */
export function storyOf(ledger: Ledger, { about, at }: Finding): string[] {
  const names = new Set(about.flatMap((name) => [name, partsOf(name).job ?? name]));
  const runs = new Set(about);
  const lines = [
    ...witnessed(ledger, runs),
    ...toldOf(ledger, runs, at),
    ...asked(ledger, names, at),
    ...happened(ledger, at),
    ...definitions(ledger, names),
    ...kept(ledger, runs),
  ];
  return lines
    .sort((a, b) => a.at - b.at)
    .map((line) => `${new Date(line.at).toISOString().slice(11)} ${line.text}`);
}

function witnessed({ evidence }: Ledger, runs: ReadonlySet<string>): Line[] {
  return evidence.flatMap((line) => {
    if (!("run" in line) || !runs.has(line.run)) return [];
    const { node, mono: _, at, kind, ...rest } = line;
    return [{ at, text: `${node} ${kind} ${show(rest)}` }];
  });
}

function toldOf({ told }: Ledger, runs: ReadonlySet<string>, at: number): Line[] {
  return told.flatMap((line) => {
    const { what, index, t } = line;
    if (line.what === "other") {
      const near = Math.abs(t - at) < around && /^(leader|node|paused|resumed|autoPaused)/.test(line.word);
      if (!near && !runs.has(line.subject)) return [];
      return [{ at: t, text: `store (${index}) ${line.word} ${line.subject} ${line.rest.join(" ")}` }];
    }
    if (!runs.has(line.run)) return [];
    const { what: _1, index: _2, t: _3, ...rest } = line;
    return [{ at: t, text: `store (${index}) ${what} ${show(rest)}` }];
  });
}

function asked({ operations }: Ledger, names: ReadonlySet<string>, at: number): Line[] {
  return operations.flatMap(({ op, does, asked: when, heard, end, answer }) => {
    const pauses = "name" in does && Math.abs(when.at - at) < around;
    const named =
      ("job" in does && names.has(does.job)) ||
      ("run" in does && names.has(does.run)) ||
      (does.do === "enqueue" && does.runs.some(({ id = "" }) => names.has(id))) ||
      (does.do === "run-now" && names.has(String(answer)));
    if (!pauses && !named) return [];
    return [
      { at: when.at, text: `driver asks (${op}) ${show(does).slice(0, 400)}` },
      { at: Math.min(heard.at, when.at + 60_000), text: `driver hears (${op}) ${end} ${show(answer)}` },
    ];
  });
}

function happened({ evidence }: Ledger, at: number): Line[] {
  const faults = factsOf(evidence, "fault").flatMap(({ fault, target, from, until, proof }) =>
    from < at + around && until > at - around
      ? [{ at: from, text: `fault ${fault} ${target} for ${until - from} ms: ${proof || "without effect"}` }]
      : [],
  );
  const others = evidence.flatMap((line) => {
    if (Math.abs(line.at - at) > around) return [];
    if (line.kind === "elected" || line.kind === "up" || line.kind === "phase")
      return [{ at: line.at, text: `${line.node} ${show(line)}` }];
    if (line.kind === "event" && /^(node|leader|store|voters)/.test(line.event))
      return [{ at: line.at, text: `${line.node} ${line.event} ${show(line.details)}` }];
    return [];
  });
  return [...faults, ...others];
}

function definitions({ jobs }: Ledger, names: ReadonlySet<string>): Line[] {
  return [...names].flatMap((name) =>
    (jobs.get(name)?.spells ?? []).map(
      ({ job, possibleFrom, sureFrom, sureUntil, possibleUntil, removed }) => ({
        at: possibleFrom,
        text: `definition of ${name}, in force from ${sureFrom} (perhaps ${possibleFrom}) until ${sureUntil} (perhaps ${possibleUntil})${removed === undefined ? "" : `, removed ${removed}`}: ${show(job)}`,
      }),
    ),
  );
}

function kept({ evidence }: Ledger, runs: ReadonlySet<string>): Line[] {
  const lasts = factsOf(evidence, "store").filter(({ when }) => when === "stopped");
  return lasts.flatMap((last) => keptIn(last, runs));
}

function keptIn(last: Extract<Evidence, { kind: "store" }>, runs: ReadonlySet<string>): Line[] {
  return [...runs].flatMap((run) => {
    const { job, time } = /^(?<job>.+)@(?<time>\d{13}.*)$/.exec(run)?.groups ?? {};
    const entries =
      job === undefined
        ? [(last.dump["finished"]?.value as Record<string, string> | undefined)?.[run] ?? ""]
        : ((last.dump[`history:${job}`]?.value ?? []) as string[]).filter((text) =>
            text.startsWith(`${time} `),
          );
    return entries
      .filter((text) => text !== "")
      .map((text) => ({ at: last.at, text: `history of ${run}: ${text.replaceAll("\n", " | ")}` }));
  });
}
