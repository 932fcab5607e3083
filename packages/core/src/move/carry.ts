import { setMarkOf } from "../job-set.js";
import { readRun } from "../run.js";
import { edgeOf, type Kind, kindOf, placeOf } from "./kinds.js";
import type { Item, Page, Part } from "./part.js";
import { putWhole } from "./whole.js";

/** What a move goes from and to. */
export interface Route {
  /** All partitions that may have something, those that are to be no more included. */
  readonly parts: readonly Part[];
  /** How many there are to be. */
  readonly to: number;
}

/** Puts what is in a key of partition `from`, and belongs elsewhere, where it belongs; with `drops` it is taken out here. */
type Carry = (route: Route, from: number, name: string, drops: boolean) => Promise<void>;

/** Carries one key. One of an unknown kind has been refused before. */
export async function carry(route: Route, from: number, name: string, drops: boolean): Promise<void> {
  const found = kindOf(name);
  await carriers[found?.kind ?? "own"](route, from, name, drops);
}

const nothing: Carry = async () => undefined;

const carriers: Readonly<Record<Kind, Carry>> = {
  members: carryMembers,
  whole: carryWhole,
  owner: carryOwned,
  everywhere: spread,
  starts: spreadStarts,
  edges: carryEdges,
  pause: carryPause,
  between: nothing,
  highest: nothing,
  derived: nothing,
  gathered: nothing,
  own: nothing,
};

function partAt({ parts }: Route, partition: number): Part {
  return parts[partition] as Part;
}

/** All that are to be there but one. */
function others({ parts, to }: Route, from: number): readonly Part[] {
  return parts.slice(0, to).filter((_, partition) => partition !== from);
}

/** @param become what a member is to be: itself, but for edges */
async function carryMembers(
  route: Route,
  from: number,
  name: string,
  drops: boolean,
  become: (member: string) => string = (member) => member,
): Promise<void> {
  const source = partAt(route, from);
  for await (const page of source.pages(name)) {
    const places = new Map<number, Item[]>();
    for (const item of page.items) {
      const [member = ""] = item;
      const place = placeOf(member, route.to);
      if (place === from && become(member) === member) continue;
      const some = places.get(place) ?? [];
      some.push(item);
      places.set(place, some);
    }
    for (const [place, items] of places) {
      const changed = items.map(([member = "", ...rest]) => [become(member), ...rest]);
      await partAt(route, place).put(name, { ...page, items: changed });
      if (drops)
        await source.drop(
          name,
          page.type,
          items.map(([member = ""]) => member),
        );
    }
  }
}

function carryEdges(route: Route, from: number, name: string, drops: boolean): Promise<void> {
  return carryMembers(route, from, name, drops, (edge) => edgeOf(edge, route.to));
}

async function carryWhole(route: Route, from: number, name: string, drops: boolean): Promise<void> {
  const place = placeOf(kindOf(name)?.name ?? "", route.to);
  if (place !== from) await copyTo(route, from, name, place, drops);
}

async function copyTo(
  route: Route,
  from: number,
  name: string,
  place: number,
  drops: boolean,
): Promise<void> {
  const source = partAt(route, from);
  const page = await putWhole(partAt(route, place), name, source.pages(name));
  if (drops && page !== undefined) await source.drop(name, page.type);
}

async function carryOwned(route: Route, from: number, name: string, drops: boolean): Promise<void> {
  if (kindOf(name)?.name.startsWith("~") !== true) return carryWhole(route, from, name, drops);
  return name.startsWith("results:")
    ? carryMembers(route, from, name, drops)
    : carryEnds(route, from, name, drops);
}

/** A list of ids of ended runs of a task: each partition has those of its own, by when they ended. */
async function carryEnds(route: Route, from: number, name: string, drops: boolean): Promise<void> {
  const source = partAt(route, from);
  const [first] = await firstPage(source, name);
  if (first === undefined) return;
  const ids = (await source.all(name)).map(([id = ""]) => id);
  for (const place of new Set(ids.map((id) => placeOf(id, route.to)))) {
    if (place === from) continue;
    const target = partAt(route, place);
    const own = ids.filter((id) => placeOf(id, route.to) === place);
    const there = (await target.all(name)).map(([id = ""]) => id);
    const merged = await byEnd([...new Set([...there, ...own])], [target, source]);
    await target.replace(
      name,
      first,
      merged.map((id) => [id]),
    );
  }
  if (!drops) return;
  const staying = ids.filter((id) => placeOf(id, route.to) === from);
  if (staying.length < ids.length)
    await source.replace(
      name,
      first,
      staying.map((id) => [id]),
    );
}

/** Sorts runs by when they ended, as the first partition says that knows them. */
async function byEnd(ids: readonly string[], parts: readonly Part[]): Promise<string[]> {
  const ends = new Map<string, number>();
  for (let at = 0; at < ids.length; at += 200) {
    const some = ids.slice(at, at + 200);
    for (const part of parts) {
      const texts = await part.ask("reading history", (client) =>
        client.hmget(part.store.keys.finished, ...some),
      );
      for (const [index, text] of texts.entries()) {
        const run = some[index] ?? "";
        if (text != null && !ends.has(run)) ends.set(run, Number(readRun(text, { run }).finishedAt ?? 0));
      }
    }
  }
  return [...ids].sort((one, other) => (ends.get(one) ?? 0) - (ends.get(other) ?? 0));
}

async function firstPage(part: Part, name: string): Promise<Page[]> {
  for await (const page of part.pages(name)) return [page];
  return [];
}

/** Which of two values of a field is to stay; the one that is there, if nothing is said. */
const better: Readonly<Record<string, (there: string, other: string) => boolean>> = {
  // What was begun last of a set.
  sets: (there, other) => setMarkOf(other).number > setMarkOf(there).number,
  // What was said when a pause was resumed.
  pauses: (there, other) => other.includes("{") && !there.includes("{"),
};

async function spread(route: Route, from: number, name: string): Promise<void> {
  const isBetter = better[name];
  for await (const page of partAt(route, from).pages(name)) {
    for (const target of others(route, from)) {
      await target.put(name, page, { keep: true });
      if (isBetter === undefined || page.type !== "hash") continue;
      const fields = page.items.map(([field = ""]) => field);
      const there = await target.ask("reading a key", (client) =>
        client.hmget(target.store.keys.prefix + name, ...fields),
      );
      const items = page.items.filter(([, value = ""], index) => isBetter(there[index] ?? "", value));
      if (items.length > 0) await target.put(name, { ...page, items });
    }
  }
}

/**
 * Times of starts, latest first: each partition counts all, until the last of them have passed. Those of one millisecond in two partitions count as
 * one.
 */
async function spreadStarts(route: Route, from: number, name: string): Promise<void> {
  const source = partAt(route, from);
  const [first] = await firstPage(source, name);
  if (first === undefined) return;
  const own = countsOf(await source.all(name));
  for (const target of others(route, from)) {
    const [there] = await firstPage(target, name);
    const merged = countsOf(await target.all(name));
    for (const [time, count] of own) merged.set(time, Math.max(count, merged.get(time) ?? 0));
    const times = [...merged].flatMap(([time, count]) => Array.from({ length: count }, () => time));
    times.sort((one, other) => Number(other) - Number(one));
    const { type, ttl } = first;
    await target.replace(
      name,
      { type, ttl: Math.max(ttl, there?.ttl ?? ttl) },
      times.map((time) => [time]),
    );
  }
}

function countsOf(items: readonly Item[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [text = ""] of items) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

async function carryPause(route: Route, from: number, name: string): Promise<void> {
  // Elsewhere than in the first it is a copy, and may have outlived its pause. What a job there has set itself the first one has been told of.
  if (from > 0) return;
  const [what = "", id = ""] = (kindOf(name)?.name ?? "").split(/:(.*)/s, 2);
  const homes = what === "job" ? [placeOf(id, route.to)] : route.parts.slice(0, route.to).keys();
  for (const place of homes) if (place !== from) await copyTo(route, from, name, place, false);
}
