// Explores a space breadth first, so that the first counterexample is a shortest one, and then looks whether all can end from everywhere.
import { hash } from "node:crypto";
import type { World } from "./config.js";
import { encode } from "./encode.js";
import { firstState } from "./first-state.js";
import { isTerminal, whatIsWrong } from "./invariants.js";
import type { State } from "./state.js";
import type { Step } from "./step.js";
import { stepsFrom } from "./steps.js";

/** What an exploration came to. */
export interface Exploration {
  readonly states: number;
  readonly steps: number;
  /** The greatest number of steps from the beginning. */
  readonly depth: number;
  /** Whether there was nothing left to explore. */
  readonly exhausted: boolean;
  /** What is wrong, and the shortest way there. */
  readonly wrong: { readonly what: string; readonly story: readonly string[] } | undefined;
  /** States from which all can end without a further fault; those that a bound on the depth left open are not judged. */
  readonly canEnd: number;
  readonly terminal: number;
  readonly seconds: number;
}

/** Bounds: `depth` in steps, `states` in number. */
export interface Bounds {
  readonly depth: number;
  readonly states: number;
}

/** A growing list of whole numbers, without the cost of an array of them. */
class Numbers {
  #items = new Int32Array(1 << 16);
  length = 0;

  push(item: number): void {
    if (this.length === this.#items.length) {
      const more = new Int32Array(2 * this.length);
      more.set(this.#items);
      this.#items = more;
    }
    this.#items[this.length] = item;
    this.length += 1;
  }

  at(index: number): number {
    return this.#items[index] ?? 0;
  }
}

class Graph {
  readonly known = new Map<string, number>();
  /** By state: where it came from, and by which step of that one's. */
  readonly parents = new Numbers();
  readonly choices = new Numbers();
  /** Steps that are no faults: from, to. */
  readonly from = new Numbers();
  readonly to = new Numbers();
  readonly terminal = new Numbers();
  steps = 0;
}

export function explore(world: World, bounds: Bounds): Exploration {
  const began = performance.now();
  const graph = new Graph();
  const first = firstState(world);
  let level = [{ state: first, index: 0 }];
  graph.known.set(keyOf(world, first), 0);
  graph.parents.push(-1);
  graph.choices.push(-1);
  let depth = 0;
  let wrong: { what: string; at: number } | undefined;
  while (
    level.length > 0 &&
    depth < bounds.depth &&
    graph.known.size < bounds.states &&
    wrong === undefined
  ) {
    const next: typeof level = [];
    for (const { state, index } of level) {
      wrong = expand(world, graph, state, index, next);
      if (wrong !== undefined) break;
    }
    if (next.length > 0 || wrong !== undefined) depth += 1;
    level = next;
  }
  if (wrong === undefined)
    for (const { state, index } of level) if (isTerminal(world, state)) graph.terminal.push(index);
  const exhausted = level.length === 0;
  const open = wrong === undefined && !exhausted ? level.map(({ index }) => index) : [];
  const reached = wrong === undefined ? reach(graph, open) : undefined;
  const stuck = reached?.indexOf(0) ?? -1;
  if (stuck >= 0)
    wrong = { what: "all can end: from here it cannot, though nothing fails any more", at: stuck };
  return {
    states: graph.known.size,
    steps: graph.steps,
    depth,
    exhausted,
    wrong: wrong && { what: wrong.what, story: tell(world, graph, wrong.at) },
    canEnd: reached === undefined ? 0 : reached.reduce((sum, one) => sum + (one === 1 ? 1 : 0), 0),
    terminal: graph.terminal.length,
    seconds: (performance.now() - began) / 1000,
  };
}

function keyOf(world: World, state: State): string {
  return hash("md5", encode(world, state), "base64");
}

/** All steps from one state. Answers the first state that is wrong. */
function expand(
  world: World,
  graph: Graph,
  state: State,
  index: number,
  next: { state: State; index: number }[],
): { what: string; at: number } | undefined {
  if (isTerminal(world, state)) graph.terminal.push(index);
  let choice = 0;
  for (const one of stepsFrom(world, state)) {
    graph.steps += 1;
    const key = keyOf(world, one.next);
    let at = graph.known.get(key);
    if (at === undefined) {
      at = graph.known.size;
      graph.known.set(key, at);
      graph.parents.push(index);
      graph.choices.push(choice);
      const what = whatIsWrong(world, one.next);
      if (what !== undefined) return { what, at };
      next.push({ state: one.next, index: at });
    }
    if (!one.fault) {
      graph.from.push(index);
      graph.to.push(at);
    }
    choice += 1;
  }
  return undefined;
}

/** Marks the states from which a terminal one can be reached without a fault with 1, those that lead to what is not explored with 2. */
function reach({ known, from, to, terminal }: Graph, open: readonly number[]): Uint8Array {
  const counts = new Int32Array(known.size + 1);
  for (let edge = 0; edge < to.length; edge += 1)
    counts[to.at(edge) + 1] = (counts[to.at(edge) + 1] ?? 0) + 1;
  for (let at = 1; at < counts.length; at += 1) counts[at] = (counts[at] ?? 0) + (counts[at - 1] ?? 0);
  const sources = new Int32Array(to.length);
  const filled = counts.slice();
  for (let edge = 0; edge < to.length; edge += 1) {
    const target = to.at(edge);
    sources[filled[target] ?? 0] = from.at(edge);
    filled[target] = (filled[target] ?? 0) + 1;
  }
  const marks = new Uint8Array(known.size);
  const spread = (starts: Iterable<number>, mark: number): void => {
    const stack = [...starts].filter((at) => marks[at] === 0);
    for (const at of stack) marks[at] = mark;
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      for (let edge = counts[at] ?? 0; edge < (counts[at + 1] ?? 0); edge += 1) {
        const source = sources[edge] ?? 0;
        if (marks[source] !== 0) continue;
        marks[source] = mark;
        stack.push(source);
      }
    }
  };
  spread(
    Array.from({ length: terminal.length }, (_, at) => terminal.at(at)),
    1,
  );
  spread(open, 2);
  return marks;
}

/** The steps that lead to a state, from the beginning. */
function tell(world: World, { parents, choices }: Graph, at: number): string[] {
  const path: number[] = [];
  for (let index = at; index > 0; index = parents.at(index)) path.unshift(choices.at(index));
  let state = firstState(world);
  return path.map((choice) => {
    const taken = [...stepsFrom(world, state)][choice] as Step;
    state = taken.next;
    return taken.says;
  });
}
