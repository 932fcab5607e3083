import type { JobOptions } from "@escapement/core";
import { every } from "@escapement/triggers";

/** Jobs that fire every second and may overlap, so that each fire time has to start, whatever happens to the others. */
export function secondly(count: number, options: Partial<JobOptions> = {}): JobOptions[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `tick-${index + 1}`,
    trigger: every("1s"),
    overlap: "allow",
    ...options,
  }));
}
