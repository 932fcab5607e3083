import { compileTrigger, type Trigger } from "@escapement/triggers";

/** What is needed to know a job's fire times. */
export interface Firing {
  readonly id: string;
  readonly trigger: Trigger;
  readonly createdAt: Date;
}

/** All fire times of a job from its creation until `until` (ms, inclusive), as its trigger gives them. */
export function expectedFireTimes({ id, trigger, createdAt }: Firing, until: number): number[] {
  const anchor = createdAt.getTime();
  const compiled = compileTrigger(trigger, { jobId: id, anchor });
  const times: number[] = [];
  for (let time = compiled.next(anchor - 1); time !== null && time <= until; time = compiled.next(time))
    times.push(time);
  return times;
}
