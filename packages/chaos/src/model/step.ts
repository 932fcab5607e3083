// One step: what is said of it, and the state after it.
import type { Fault, World } from "./config.js";
import { copy, type State } from "./state.js";

export interface Step {
  readonly says: string;
  /** Whether it is a fault, which the world may do without. */
  readonly fault: boolean;
  readonly next: State;
}

/** Makes a step out of a change to a copy of the state. What the change answers is added to what is said. */
export function step(state: State, says: string, change: (next: State) => unknown, faults = 0): Step {
  const next = copy(state);
  next.left.faults -= faults;
  const more = change(next);
  return {
    says: typeof more === "string" && more !== "" ? `${says}: ${more}` : says,
    fault: faults > 0,
    next,
  };
}

/** Whether such a fault may still happen. */
export function may(world: World, state: State, kind: Fault): boolean {
  return state.left.faults > 0 && world.kinds.includes(kind);
}
