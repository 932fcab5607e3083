import { show } from "@escapement/redis/internal";
import type { Definition } from "./definition.js";
import { InvalidOptionError } from "./errors.js";
import { locate } from "./locate.js";
import type { Store } from "./store.js";
import { settleTies } from "./ties.js";

/** A definition that is to be written. */
interface Item {
  readonly id: string;
  readonly definition: Pick<Definition, "dependsOn" | "then">;
  readonly where: string | undefined;
}

/** Job id → the jobs that depend on it. Every job of it has an entry. */
type Graph = Map<string, Set<string>>;

/** The most jobs that may hang together, since the end of one run may be the end of all the others. */
const mostTied = 500;
/** The most generations of jobs; scripts/lib/dependencies.lua tells as many of an end. */
const mostGenerations = 100;

/**
 * Checks `dependsOn` and `then` of jobs that are to be defined together, against each other and what is stored. Two that are defined
 * by different callers at the same time may still make a cycle: then none of its runs starts.
 *
 * @throws InvalidOptionError with the code `JOB_NOT_FOUND` or `DEPENDENCY_CYCLE`
 */
export async function assertTies(store: Store, items: readonly Item[]): Promise<void> {
  const tied = items.filter(isTied);
  if (tied.length === 0) return;
  await settleTies(store, [...tied.map(({ id }) => id), ...tied.flatMap(namedBy).map(({ id }) => id)]);
  await assertKnown(store, tied, new Set(items.map(({ id }) => id)));
  const graph = await readGraph(store, items, tied);
  const parents = parentsIn(graph);
  assertNoCycle(tied, graph, parents);
  assertSmall(tied, graph, parents);
}

/** Whether a definition names others. */
export function isTied({ definition }: Pick<Item, "definition">): boolean {
  return definition.dependsOn.length + definition.then.length > 0;
}

/** What an item names, each with its place. */
function namedBy({ definition }: Item): { readonly id: string; readonly path: string }[] {
  return (["dependsOn", "then"] as const).flatMap((option) =>
    definition[option].map((id, index) => ({ id, path: `${option}[${index}]` })),
  );
}

async function assertKnown(store: Store, items: readonly Item[], own: ReadonlySet<string>): Promise<void> {
  const ids = [...new Set(items.flatMap(namedBy).map(({ id }) => id))].filter((id) => !own.has(id));
  if (ids.length === 0) return;
  const unknown = new Set<string>();
  const look = async (of: Store, some: readonly string[]): Promise<void> => {
    const states = await of.commands.run("looking for jobs", (client) =>
      client.hmget(of.keys.state, ...some),
    );
    for (const [index, id] of some.entries()) if (states[index] == null) unknown.add(id);
  };
  await byStore(store, ids, look);
  for (const item of items) {
    const missing = namedBy(item).find(({ id }) => unknown.has(id));
    if (missing === undefined) continue;
    locate(item.where, item.id, () => {
      throw new InvalidOptionError(
        missing.path,
        `there is no job ${show(missing.id)}. Define it first, or in the same apply().`,
        { code: "JOB_NOT_FOUND" },
      );
    });
  }
}

/**
 * Checks that what jobs are tied to is not removed in the step in which they are defined.
 *
 * @param gone ids of the jobs that go; only asked for where there is something to check
 * @throws InvalidOptionError `JOB_NOT_FOUND`
 */
export async function assertStaying(
  items: readonly Item[],
  gone: () => AsyncIterable<string>,
): Promise<void> {
  const own = new Set(items.map(({ id }) => id));
  const tied = items.filter((item) => isTied(item) && namedBy(item).some(({ id }) => !own.has(id)));
  if (tied.length === 0) return;
  const going = new Set<string>();
  for await (const id of gone()) going.add(id);
  for (const item of tied) {
    const named = namedBy(item).find(({ id }) => going.has(id));
    if (named === undefined) continue;
    locate(item.where, item.id, () => {
      throw new InvalidOptionError(
        named.path,
        `${show(named.id)} is removed by this apply(). Declare it as well.`,
        {
          code: "JOB_NOT_FOUND",
        },
      );
    });
  }
}

/** All that hangs together with the jobs at hand, as it will be. */
async function readGraph(store: Store, items: readonly Item[], tied: readonly Item[]): Promise<Graph> {
  const graph: Graph = new Map();
  const own = new Set(items.map(({ id }) => id));
  let next: string[] = [];
  const add = (id: string): Set<string> => {
    let children = graph.get(id);
    if (children === undefined) {
      children = new Set();
      graph.set(id, children);
      next.push(id);
    }
    return children;
  };
  const link = (parent: string, child: string): void => {
    add(parent).add(child);
    add(child);
  };
  for (const { id, definition } of tied) {
    for (const parent of definition.dependsOn) link(parent, id);
    for (const child of definition.then) link(id, child);
  }
  const most = mostTied * tied.length;
  while (next.length > 0 && graph.size <= most) {
    const [page, rest] = [next.slice(0, 500), next.slice(500)];
    next = rest;
    for (const { parent, child, owner } of await readEdges(store, page))
      if (!own.has(owner)) link(parent, child);
  }
  return graph;
}

interface Edge {
  readonly parent: string;
  readonly child: string;
  /** The job whose definition says so. */
  readonly owner: string;
}

async function readEdges(store: Store, ids: readonly string[]): Promise<Edge[]> {
  const found = await byStore(store, ids, (of, some) =>
    of.commands.run("reading dependencies", (client) =>
      Promise.all(
        some.flatMap((id) =>
          [">", "<"].map((mark) =>
            client.zrangebylex(of.keys.edges, `[${mark}${id} `, `(${mark}${id}!`, "LIMIT", 0, 2 * mostTied),
          ),
        ),
      ),
    ),
  );
  return found.flat(2).map((text) => {
    const [one = "", other = "", owner] = text.slice(1).split(" ");
    const [parent, child] = text.startsWith(">") ? [one, other] : [other, one];
    return { parent, child, owner: owner === "d" ? child : parent };
  });
}

/** Asks each partition of those of the jobs that live there. */
function byStore<R>(
  store: Store,
  ids: readonly string[],
  ask: (store: Store, ids: readonly string[]) => Promise<R>,
): Promise<R[]> {
  const groups = new Map<Store, string[]>();
  for (const id of ids) {
    const group = groups.get(store.of(id));
    if (group === undefined) groups.set(store.of(id), [id]);
    else group.push(id);
  }
  return Promise.all([...groups].map(([of, some]) => ask(of, some)));
}

function parentsIn(graph: Graph): Graph {
  const parents: Graph = new Map([...graph.keys()].map((id) => [id, new Set()]));
  for (const [parent, children] of graph) for (const child of children) parents.get(child)?.add(parent);
  return parents;
}

/** Breadth first: each job that is found, with the one that it was found from. */
function reach(from: string, next: (id: string) => Iterable<string>): Map<string, string> {
  const found = new Map([[from, from]]);
  for (const id of found.keys()) for (const other of next(id)) if (!found.has(other)) found.set(other, id);
  return found;
}

function assertNoCycle(tied: readonly Item[], graph: Graph, parents: Graph): void {
  const generations = generationsOf(graph, parents);
  for (const item of tied) {
    // Whatever has no generation is part of a cycle, or comes after one.
    const inCycle = (id: string): boolean => !generations.has(id);
    if (inCycle(item.id)) {
      const later = reach(item.id, (id) => [...(graph.get(id) ?? [])].filter(inCycle));
      const earlier = reach(item.id, (id) => [...(parents.get(id) ?? [])].filter(inCycle));
      const named = namedBy(item).find(({ id, path }) =>
        (path.startsWith("dependsOn") ? later : earlier).has(id),
      );
      if (named !== undefined)
        locate(item.where, item.id, () => {
          throw new InvalidOptionError(named.path, cycleText(item.id, named.id), {
            code: "DEPENDENCY_CYCLE",
          });
        });
    }
  }
  if (Math.max(0, ...generations.values()) > mostGenerations)
    refuse(tied[0], `makes a chain of more than ${mostGenerations} jobs.`);
}

function cycleText(id: string, other: string): string {
  return id === other
    ? "a job cannot depend on itself."
    : `${show(id)} and ${show(other)} would depend on each other, so that neither ever runs.`;
}

/** How many jobs come one after the other up to each, itself included; none for those in a cycle or after one. */
function generationsOf(graph: Graph, parents: Graph): Map<string, number> {
  const open = new Map([...parents].map(([id, { size }]) => [id, size]));
  const found = new Map([...open].filter(([, count]) => count === 0).map(([id]) => [id, 1]));
  const generations = new Map<string, number>();
  for (const id of found.keys()) {
    const generation =
      1 + Math.max(0, ...[...(parents.get(id) ?? [])].map((one) => generations.get(one) ?? 0));
    generations.set(id, generation);
    for (const child of graph.get(id) ?? []) {
      const left = (open.get(child) ?? 0) - 1;
      open.set(child, left);
      if (left === 0) found.set(child, 0);
    }
  }
  return generations;
}

function assertSmall(tied: readonly Item[], graph: Graph, parents: Graph): void {
  const seen = new Set<string>();
  for (const item of tied) {
    if (seen.has(item.id)) continue;
    const together = reach(item.id, (id) => [...(graph.get(id) ?? []), ...(parents.get(id) ?? [])]);
    if (together.size > mostTied) refuse(item, `ties more than ${mostTied} jobs together.`);
    for (const id of together.keys()) seen.add(id);
  }
}

function refuse(item: Item | undefined, message: string): never {
  const path = item?.definition.dependsOn.length === 0 ? "then" : "dependsOn";
  return locate(item?.where, item?.id, () => {
    throw new InvalidOptionError(path, message);
  });
}
