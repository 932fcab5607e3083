import { fileURLToPath } from "node:url";
import { startProcess, type TestProcess } from "@escapement/testing";
import type { SchedulerOptions } from "../src/index.js";

const script = fileURLToPath(new URL("./own-process.mjs", import.meta.url));

/** How far the process' clock is from this one's, in ms. */
interface Clock {
  readonly ahead?: number;
}

/** Starts `own-process.mjs`, on the built packages: a node, or one look of the doctor. The options must be JSON. */
export function schedulerProcess(
  what: "node" | "doctor",
  options: SchedulerOptions,
  { ahead = 0 }: Clock = {},
): Promise<TestProcess> {
  const shift = `const { now } = Date; Date.now = () => now() + ${ahead};`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(shift)}`, script, what];
  return startProcess(process.execPath, [...args, JSON.stringify(options)]);
}
