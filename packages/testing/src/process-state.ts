import { readFile } from "node:fs/promises";

/**
 * What a process does: "stands" still after SIGSTOP, "runs" (or sleeps), or is "gone". One that has ended counts as
 * gone even while its parent has not taken notice yet, which can take seconds where an orphan falls to process 1.
 * Systems without /proc do not tell a process that stands from one that runs.
 */
export async function processState(pid: number): Promise<"runs" | "stands" | "gone"> {
  try {
    process.kill(pid, 0);
  } catch {
    return "gone";
  }
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name, in parentheses, may hold anything; the state is the letter after the last one.
  const state = stat.charAt(stat.lastIndexOf(")") + 2);
  if (state === "Z" || state === "X") return "gone";
  return state === "T" || state === "t" ? "stands" : "runs";
}
