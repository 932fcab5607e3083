import type { AttemptEvent, BeforeRunEvent, Listener } from "./events.js";

/** That an attempt is not to start. */
export interface Veto {
  /** Why, in the words of the listener; empty if it gave no reason. */
  readonly reason: string;
}

/** Asks listeners whether an attempt may start. What counts is what they say before they return. */
export function judge(
  attempt: AttemptEvent,
  listeners: readonly Listener<"beforeRun">[],
  failed: (error: unknown) => void,
): Veto | undefined {
  let veto: Veto | undefined;
  let open = true;
  const event = { ...attempt } as BeforeRunEvent;
  // Not enumerable: who copies or prints the event has what it had before there were vetoes.
  Object.defineProperty(event, "veto", {
    value: (reason?: unknown): boolean => {
      if (open) veto ??= { reason: clip(reason) };
      return open;
    },
  });
  for (const listener of listeners) {
    try {
      const answer = listener(event);
      if (answer instanceof Promise) answer.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
  open = false;
  return veto;
}

const longest = 200;

function clip(reason: unknown): string {
  return typeof reason === "string" ? [...reason.slice(0, 2 * longest)].slice(0, longest).join("") : "";
}
