import { every } from "@escapement/triggers";
import { expect, test } from "vitest";
import { dawn, idIn, MadeUp, runAt, secondly } from "../../../test/made-up.js";
import type { PlannedJob } from "../../workload/operations.js";

const run = runAt("job", 1000);
/** The second fire time of a job, its last, is recorded as missed at some moment. */
const missed = (
  ms: number,
  reason: string,
  before: (history: MadeUp) => MadeUp = (history) => history,
  options: Partial<PlannedJob> = {},
): string[] =>
  before(
    new MadeUp()
      .define(-500, secondly("job", { endAt: dawn + 1000, misfire: { catchUp: "none" }, ...options }))
      .runs("job", 0, 0),
  ).ended(ms, run, "m", reason).broken;

test("a fire time is a misfire only when its grace is over, or in the step that gives its job another trigger", () => {
  expect(missed(61_001, "misfire")).toEqual([]);
  expect(missed(60_999, "misfire")).toEqual(["missed-for-nothing"]);
  const trigger = every("1s", { from: new Date(dawn), phase: 300 });
  const changed = (told: number): string[] =>
    missed(1505, "misfire", (history) =>
      history
        .ask(1500, { do: "update", job: "job", changes: { trigger } })
        .tell(told, "jobUpdated other", "jobUpdated job"),
    );
  expect(changed(1505)).toEqual([]);
  expect(changed(1504)).toEqual(["missed-for-nothing"]);
});

test("what does not change a job explains nothing that it misses", () => {
  const beside = (history: MadeUp): MadeUp =>
    history
      .ask(1500, { do: "run-now", job: "job" }, { end: "maybe", code: "REDIS_TIMEOUT", message: "" })
      .ask(1500, { do: "stale-write", job: "job", stale: "term" }, { end: "refused", code: "", message: "" });
  expect(missed(1505, "misfire", beside)).toEqual(["missed-for-nothing"]);
});

test("a fire time is passed over only by a resume from now that names its job and is under way", () => {
  const resumed = (ms: number, from: "missed" | "now", name = "job:job"): string[] =>
    missed(ms, "paused", (history) =>
      history.ask(900, { do: "pause", name }).ask(1500, { do: "resume", name, from }),
    );
  for (const name of ["all", "job:job", "task:tick", "queue:default"])
    expect(resumed(1505, "now", name)).toEqual([]);
  for (const name of ["job:other", "task:other", "node:n1"])
    expect(resumed(1505, "now", name)).toEqual(["missed-for-nothing"]);
  expect(resumed(1505, "missed")).toEqual(["missed-for-nothing"]);
  expect(resumed(1499, "now")).toEqual(["missed-for-nothing"]);
  expect(resumed(1511, "now")).toEqual(["missed-for-nothing"]);
});

test("a short pause of long ago passes nothing over, whatever its job goes on from", () => {
  const short = (ms: number, options: Partial<PlannedJob> = {}): string[] =>
    missed(ms, "paused", (history) => history.ask(990, { do: "set", name: "all", ttl: 100 }), options);
  expect(short(1200)).toEqual(["missed-for-nothing"]);
  expect(short(1200, { resumeFrom: "now" })).toEqual([]);
  expect(short(19_000, { resumeFrom: "now" })).toEqual(["missed-for-nothing"]);
  const outage = { kind: "fault", fault: "all-kill", target: "-", proof: "they ended" } as const;
  const down = (history: MadeUp): MadeUp =>
    history
      .ask(990, { do: "set", name: "all", ttl: 100 })
      .add(5000, { ...outage, from: dawn + 1100, until: dawn + 5000 });
  expect(missed(9000, "paused", down, { resumeFrom: "now" })).toEqual([]);
});

test("what a pause holds back is missed as paused when its job is given another trigger", () => {
  const changed = (ttl: number): string[] =>
    missed(1505, "paused", (history) =>
      history.ask(900, { do: "set", name: "job:job", ttl }).tell(1505, "jobUpdated job"),
    );
  expect(changed(900)).toEqual([]);
  expect(changed(300)).toEqual(["missed-for-nothing"]);
});

test("a further partition holds back what a pause held that is over, until its leader has seen that", () => {
  const changed = (partition: number, ms: number): string[] => {
    const id = idIn(partition, 2);
    const job = secondly(id, { endAt: dawn + 1000, misfire: { catchUp: "none" } });
    return new MadeUp({ partitions: 2 })
      .define(-500, job)
      .runs(id, 0, 0)
      .ask(900, { do: "set", name: `job:${id}`, ttl: 300 })
      .tell(ms, `jobUpdated ${id}`)
      .ended(ms, runAt(id, 1000), "m", "paused").broken;
  };
  expect(changed(1, 1505)).toEqual([]);
  expect(changed(0, 1505)).toEqual(["missed-for-nothing"]);
  expect(changed(1, 6000)).toEqual(["missed-for-nothing"]);
});

test("what is left when as many as may have started is missed in the step in which the last of them ends, or its job is changed", () => {
  const left = (maxRuns: number, told: number, word: string): string[] =>
    missed(1505, "exhausted", (history) => history.tell(told, word), { maxRuns });
  for (const word of ["jobExhausted job", "jobUpdated job"]) {
    expect(left(1, 1505, word)).toEqual([]);
    expect(left(1, 1504, word)).toEqual(["missed-for-nothing"]);
    expect(left(2, 1505, word)).toEqual(["missed-for-nothing"]);
  }
  expect(left(1, 1505, "jobExhausted other")).toEqual(["missed-for-nothing"]);
});
