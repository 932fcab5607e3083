import { expect } from "vitest";
import type { StoreBench } from "../store-bench.js";
import { jobOf, queues, type Step } from "./steps.js";

/** Which runs have not ended, and the entries of those that have. */
export interface Picture {
  readonly live: ReadonlyMap<string, string>;
  /** Texts of entries, by run. */
  readonly ended: ReadonlyMap<string, readonly string[]>;
  readonly missed: readonly {
    readonly job: string;
    readonly from: number;
    readonly to: number;
    readonly count: number;
  }[];
  /** Fire times that have not started. */
  readonly unstarted: ReadonlySet<string>;
  /** Jobs that are defined. */
  readonly jobs: ReadonlySet<string>;
  /** Jobs of which no further fire time starts. */
  readonly exhausted: ReadonlySet<string>;
  /** The store's time, ms. */
  readonly now: number;
}

export async function look({ redis, store }: StoreBench): Promise<Picture> {
  const { keys } = store;
  const all = await redis.keys(`${keys.prefix}*`);
  const live = new Map<string, string>();
  const ended = new Map<string, string[]>();
  const missed: { job: string; from: number; to: number; count: number }[] = [];
  await Promise.all(
    all.map(async (key) => {
      const name = key.slice(keys.prefix.length);
      if (/^(waiting$|blocked$|paused$|ready:|full:)/.test(name))
        for (const id of await redis.zrange(key, 0, -1)) live.set(id, name);
      if (name.startsWith("active:")) for (const id of await redis.hkeys(key)) live.set(id, name);
      if (name === "finished")
        for (const [id, text] of Object.entries(await redis.hgetall(key))) ended.set(id, [text]);
      const owner = /^(?:history|failures):([^~].*)$/.exec(name)?.[1];
      if (owner === undefined) return;
      for (const text of await redis.lrange(key, 0, -1)) {
        const [at = "", , , state, , , , ...detail] = (text.split("\n")[0] ?? "").split(" ");
        if (state === "m") {
          const { count, to } = JSON.parse(detail.join(" ")) as { count: number; to: number };
          missed.push({ job: owner, from: Number(at), to, count });
        } else ended.set(`${owner}@${at}`, [...(ended.get(`${owner}@${at}`) ?? []), text]);
      }
    }),
  );
  const [defined, unstarted, counts, clock] = await Promise.all([
    redis.hgetall(keys.jobs),
    redis.zrange(keys.unstarted, 0, -1),
    redis.hgetall(keys.counts),
    redis.get(keys.clock),
  ]);
  const ids = Object.keys(defined);
  const most = (id: string): number =>
    Number(/^.* mr=(\d+)/.exec(defined[id] ?? "")?.[1] ?? Number.POSITIVE_INFINITY);
  return {
    ...{ live, ended, missed, unstarted: new Set(unstarted), jobs: new Set(ids) },
    exhausted: new Set(ids.filter((id) => Number(counts[id] ?? 0) >= most(id))),
    now: Number(clock),
  };
}

/** The entries that were written of a run. */
export function entriesOf(id: string, before: Picture, after: Picture): number {
  return (after.ended.get(id) ?? []).filter((text) => before.ended.get(id)?.includes(text) !== true).length;
}

/** Nothing vanishes: what was to run and is so no more has one entry of its end, or was taken back. */
export function expectNoLoss(before: Picture, after: Picture, what: Step | "settle"): void {
  const missed = after.missed.filter((one) => {
    return !before.missed.some((old) => JSON.stringify(old) === JSON.stringify(one));
  });
  for (const id of new Set([...before.live.keys(), ...after.live.keys(), ...after.ended.keys()])) {
    const written = entriesOf(id, before, after);
    // One that is written when its parents' runs have succeeded may end without having been there, given up or in one of several steps.
    const givenUp = (after.ended.get(id) ?? []).at(-1)?.endsWith('{"reason":"dependency"}') === true;
    if (!before.live.has(id) && (givenUp || (what === "settle" && jobOf(id) === "c")) && written === 1)
      continue;
    if (!before.live.has(id) || after.live.has(id)) {
      expect(written, `entries of ${id}, which has not ended`).toBe(0);
      continue;
    }
    const [owner, time] = id.split("@");
    const covered =
      before.unstarted.has(id) &&
      missed.some((one) => one.job === owner && one.from <= Number(time) && Number(time) <= one.to);
    if (written === 0 && (covered || isTakenBack(id, before, after, what))) continue;
    expect(written, `entries of ${id}, which has ended`).toBe(1);
  }
}

export function isTakenBack(id: string, before: Picture, after: Picture, what: Step | "settle"): boolean {
  const owner = jobOf(id);
  if (owner === undefined) return false;
  if (what !== "settle" && !after.jobs.has(owner) && (what.do === "remove" || isHandBack(what))) return true;
  if (!before.unstarted.has(id)) return false;
  if (what !== "settle" && what.do === "define") return true;
  // With the last run of its job what is to come vanishes; what was due is missed.
  return (after.exhausted.has(owner) || !after.jobs.has(owner)) && Number(id.split("@")[1]) > after.now;
}

function isHandBack(what: Step): boolean {
  return what.do === "end" && what.outcome === "b";
}

/** Dead letters have ended and stand in one queue; a node is told to cancel only what it holds. */
export async function expectTidy({ redis, store }: StoreBench, { live }: Picture): Promise<void> {
  const { keys } = store;
  const letters: string[] = [];
  for (const queue of queues) letters.push(...(await redis.zrange(keys.deadLettersOf(queue), 0, -1)));
  expect(letters.sort(), "dead letters of queues").toEqual((await redis.hkeys(keys.deadLetters)).sort());
  expect(
    letters.filter((id) => live.has(id)),
    "dead letters that have not ended",
  ).toEqual([]);
  for (const key of await redis.keys(keys.cancelled("*").replace(/([[\]{}])/g, "\\$1"))) {
    const holder = key.slice(keys.cancelled("").length);
    for (const id of await redis.hkeys(key))
      expect(live.get(id), "where a run to cancel is").toBe(`active:${holder}`);
  }
}
