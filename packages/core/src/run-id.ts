/** The id of the run of one job at one fire time (ms). */
export function runIdOf(job: string, fireTime: number): string {
  return `${job}@${String(fireTime).padStart(13, "0")}`;
}

/** What a run's id tells: the job and the time, for a job's runs; nothing for an enqueued one. */
export function parseRunId(run: string): { readonly job: string; readonly at: number } | undefined {
  const match = /^([^@]+)@(\d+)/.exec(run);
  if (match?.[1] === undefined) return undefined;
  return { job: match[1], at: Number(match[2]) };
}

/** Whether a text can be a run's id at all. */
export function isRunId(text: unknown): text is string {
  return typeof text === "string" && /^[A-Za-z0-9_.:/-]{1,128}(@\d{1,16}(-[0-9A-Za-z]{1,16})?)?$/.test(text);
}
