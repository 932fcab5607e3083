import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";

/** An entry of the stream, as it was told. */
export type ToldFact = Extract<Evidence, { kind: "told" }>;

/**
 * Where a line stands in the cluster's stream of events, which has one order. Of several partitions each has a stream: what two of them tell in the same
 * millisecond has no order.
 */
export interface Place {
  readonly index: number;
  /** Of which one's stream. */
  readonly partition: number;
  /** Redis' clock, ms. */
  readonly t: number;
  /** The machine's wall clock when it was read, ms. */
  readonly at: number;
}

/** A node was given an attempt. */
export interface Claim extends Place {
  readonly what: "started";
  readonly run: string;
  readonly attempt: number;
  readonly token: string;
  readonly node: string;
}

/** How a line of the history says that something ended; see docs/redis-layout.md. */
export type EndState = "s" | "f" | "t" | "c" | "l" | "k" | "m";

/** An attempt ended, or a run that had not started. `again`: another attempt follows, not before `notBefore`. */
export interface End extends Place {
  readonly what: "ended" | "again";
  readonly run: string;
  /** The first seven words of its entry in the history. */
  readonly head: string;
  readonly started: number;
  readonly finished: number;
  readonly state: EndState;
  readonly attempt: number;
  readonly token: string;
  readonly node: string;
  readonly count: number;
  readonly reason: string;
  readonly notBefore: number;
}

/** Anything else that is told: the word, and what is behind it. */
export interface Other extends Place {
  readonly what: "other";
  readonly word: string;
  readonly subject: string;
  readonly rest: readonly string[];
}

export type Told = Claim | End | Other;

/**
 * The entries of the stream that the store kept, and those that it had and lost. Of one that was told twice, by two masters, it kept the
 * second; a store that keeps what it acknowledged has no second master.
 */
export function entriesIn(evidence: readonly Evidence[]): { kept: ToldFact[]; unkept: ToldFact[] } {
  const gone = new Set(
    factsOf(evidence, "unkept").flatMap(({ entries, partition }) =>
      entries.map((entry) => nameOf({ entry, partition })),
    ),
  );
  const all = factsOf(evidence, "told").sort((a, b) => compareEntries(a, b) || a.mono - b.mono);
  const keepsWrites = factsOf(evidence, "trial").every((trial) => trial.keepsWrites);
  const isKept = (fact: ToldFact, index: number): boolean =>
    keepsWrites || (!gone.has(nameOf(fact)) && !isSame(fact, all[index + 1]));
  return { kept: all.filter(isKept), unkept: all.filter((fact, index) => !isKept(fact, index)) };
}

/** All that the store told in these entries, in their order. */
export function toldIn(entries: readonly ToldFact[]): Told[] {
  const all: Told[] = [];
  for (const { t, at, lines, partition } of entries)
    for (const line of lines.flatMap(oneByOne))
      all.push(withToken(readLine(line, { index: all.length, t, at, partition: partition ?? 0 }), partition));
  return all;
}

/** A token that no other partition has given: each counts for itself. */
export function tokenIn(token: string, partition: number | undefined): string {
  return partition === undefined || token === "0" ? token : `${token}/${partition}`;
}

function withToken(line: Told, partition: number | undefined): Told {
  return line.what === "other" || partition === undefined
    ? line
    : { ...line, token: tokenIn(line.token, partition) };
}

type Entry = { readonly entry: string; readonly partition?: number | undefined };

function nameOf({ entry, partition = 0 }: Entry): string {
  return `${partition} ${entry}`;
}

function isSame(a: Entry, b: Entry | undefined): boolean {
  return b !== undefined && nameOf(a) === nameOf(b);
}

/** By their times, and within each partition by their numbers. */
function compareEntries(a: Entry, b: Entry): number {
  const [[ms1 = 0, seq1 = 0], [ms2 = 0, seq2 = 0]] = [a, b].map(({ entry }) =>
    entry.split("-").map(Number),
  ) as [number[], number[]];
  return ms1 - ms2 || (a.partition ?? 0) - (b.partition ?? 0) || seq1 - seq2;
}

/** What a line says of many runs, a line each. */
export function oneByOne(line: string): string[] {
  const [word, node, ...rest] = line.split(" ");
  if (word === "starts") {
    const [first = "0", ...runs] = rest;
    return runs.map((run, index) => `started ${run} 1 ${BigInt(first) + BigInt(index)} ${node}`);
  }
  if (word !== "ends") return [line];
  const [started = "", finished, attempt, ...items] = rest;
  const runs = items.filter((_, index) => index % 2 === 0);
  return runs.map((run, index) => {
    const at = run.includes("@") ? run.slice(run.indexOf("@") + 1) : started;
    return `ended ${run} ${at} ${started} ${finished} s ${attempt} ${items[2 * index + 1]} ${node} `;
  });
}

function readLine(line: string, place: Place): Told {
  const [word = "", subject = "", ...rest] = line.split(" ");
  if (word === "started") {
    const [attempt, token = "", node = ""] = rest;
    return { what: word, ...place, run: subject, attempt: Number(attempt), token, node };
  }
  if ((word === "ended" || word === "again") && rest.length >= 7) {
    const [, started, finished, state, attempt, token = "", node = "", next, ...reason] = rest;
    const text = reason.join(" ");
    return {
      what: word,
      ...place,
      run: subject,
      head: rest.slice(0, 7).join(" "),
      started: Number(started),
      finished: Number(finished),
      state: state as EndState,
      attempt: Number(attempt),
      token,
      node,
      count: word === "ended" ? Number(next || 1) : 1,
      reason: word === "ended" && text !== "" ? (JSON.parse(text) as string) : "",
      notBefore: word === "again" ? Number(next) : 0,
    };
  }
  return { what: "other", ...place, word, subject, rest };
}
