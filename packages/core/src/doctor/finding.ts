/** One thing that was looked at. */
export interface Finding {
  /** What was looked at, such as `leader`; docs/operating.md lists them all. */
  readonly check: string;
  /** `error`: runs do not start, or are lost sooner or later, until something is done. `warning`: a risk. */
  readonly level: "ok" | "warning" | "error";
  /** What was found, and what to do about it. */
  readonly message: string;
}

/** Findings of one check, in the words of its area. */
export function about(check: string): Record<Finding["level"], (message: string) => Finding> {
  const say =
    (level: Finding["level"]) =>
    (message: string): Finding => ({ check, level, message });
  return { ok: say("ok"), warning: say("warning"), error: say("error") };
}

/** The first few of many, and how many more there are. */
export function some(items: readonly string[], most = 5): string {
  const rest = items.length - most;
  return rest > 0 ? `${items.slice(0, most).join(", ")} and ${rest} more` : items.join(", ");
}

/** A time that has passed, for people. @param ms milliseconds */
export function lasted(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
