import { runCases } from "./no-op.js";
import type { Work } from "./work.js";

/** How many runs a second are carried out of handlers that wait for a timer of 1 ms. */
export const shortWork: Work = {
  name: "short-work",
  about:
    "runs a second of handlers that wait for a timer of 1 ms, at concurrency 1, one request a run, to 100",
  run: (budget) =>
    runCases("short-work", "Runs a second of handlers that take 1 ms", budget, [
      { name: "concurrency 100", concurrency: 100, processes: 1, handler: "timer" },
      // What takes that long is not claimed ahead: nothing is batched.
      { name: "concurrency 1, a request a run", concurrency: 1, processes: 1, handler: "timer" },
      { name: "concurrency 10", concurrency: 10, processes: 1, handler: "timer" },
      { name: "concurrency 10, two processes", concurrency: 10, processes: 2, handler: "timer" },
    ]),
};
