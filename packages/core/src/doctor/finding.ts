/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly level: "ok" | "warning" | "error";
  /** What was found, and what to do about it. */
  readonly message: string;
}
