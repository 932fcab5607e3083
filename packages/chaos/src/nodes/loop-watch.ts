import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/** For how long an event loop was held up at most, ms. */
export interface LoopReport {
  /** By the clock, whoever had the processor meanwhile. */
  readonly heldUp: number;
  /** By the processor's time that its own work took between two turns, to some 4 ms; 0 where the system does not tell. */
  readonly busy: number;
}

/** Watches this process's event loop from now on. Answers what tells how it went. */
export function watchLoop(): () => LoopReport {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let [busy, before] = [0, processorTime()];
  const timer = setInterval(() => {
    const now = processorTime();
    busy = Math.max(busy, now - before);
    before = now;
  }, 1);
  return () => {
    delay.disable();
    clearInterval(timer);
    return { heldUp: delay.max / 1e6, busy };
  };
}

/** Processor time of this process's main thread, ms. */
function processorTime(): number {
  try {
    return Number(readFileSync("/proc/self/schedstat", "utf8").split(" ")[0]) / 1e6;
  } catch {
    return 0;
  }
}
