/** How a pause was ended. */
export interface Resumed {
  /** What jobs went on with: what they missed, the next fire time after then, or the next one from this instant on; `undefined`: each as its `resumeFrom` says. */
  readonly from: "missed" | "now" | Date | undefined;
  /** Who; `undefined` of a key that was deleted by hand or has expired. */
  readonly by: string | undefined;
}

/** What `pauses` and the stream of events say of it: JSON without line feeds. */
export function writeResumed({ from, by }: Resumed): string {
  return JSON.stringify({ from, by });
}

/** Reads it back; nothing is known of a text that is empty. Throws for one that is no JSON. */
export function parseResumed(text: string): Resumed {
  const { from, by } = JSON.parse(text || "{}") as { from?: unknown; by?: unknown };
  return {
    from: from === "missed" || from === "now" ? from : typeof from === "string" ? new Date(from) : undefined,
    by: typeof by === "string" ? by : undefined,
  };
}
