import { type JobStore, startJobStore } from "@escapement/testing";
import {
  allOf,
  anyOf,
  calendar,
  calendarInterval,
  cron,
  daily,
  dailyWindow,
  every,
  everyRandom,
  except,
  monthly,
  once,
  type Trigger,
  weekly,
} from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreBench } from "../test/store-bench.js";
import { Materialiser } from "./materialise.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** A Sunday; all jobs are defined then. */
const begin = Date.UTC(2090, 0, 1);
const year = 365 * 86_400_000;
const berlin = { timezone: "Europe/Berlin" };
const from = "2090-01-01T02:00:00Z";

/** Each type, and the first three fire times that it should have, month and day first. */
const types: readonly (readonly [name: string, trigger: Trigger, first: readonly string[]])[] = [
  ["cron", cron("30 9 * * MON-FRI"), ["01-02T09:30", "01-03T09:30", "01-04T09:30"]],
  [
    "cron, Quartz' dialect",
    cron("0 15 10 L * ?", { dialect: "quartz" }),
    ["01-31T10:15", "02-28T10:15", "03-31T10:15"],
  ],
  ["cron, over a gap", cron("30 2 26 3 *", { ...berlin }), ["03-26T01:00"]],
  ["cron, a gap left out", cron("30 2 26,27 3 *", { ...berlin, gap: "skip" }), ["03-27T00:30"]],
  ["cron, in an overlap", cron("30 2 29 10 *", berlin), ["10-29T00:30"]],
  [
    "cron, twice in an overlap",
    cron("30 2 29 10 *", { ...berlin, overlap: "both" }),
    ["10-29T00:30", "10-29T01:30"],
  ],
  ["every", every("6h", { from: "2089-12-31T22:00:00Z" }), ["01-01T04:00", "01-01T10:00", "01-01T16:00"]],
  ["daily", daily({ at: ["08:00", "20:00"] }), ["01-01T08:00", "01-01T20:00", "01-02T08:00"]],
  ["weekly", weekly({ on: ["tue", "sat"], at: "07:05" }), ["01-03T07:05", "01-07T07:05", "01-10T07:05"]],
  ["monthly", monthly({ on: [-1, 30], at: "00:01" }), ["01-30T00:01", "01-31T00:01", "02-28T00:01"]],
  [
    "calendarInterval",
    calendarInterval({ months: 1, at: "06:00", from: "2090-01-31" }),
    ["01-31T06:00", "03-31T06:00", "05-31T06:00"],
  ],
  [
    "dailyWindow",
    dailyWindow({ from: "22:00", to: "23:30", every: "1h", on: "mon" }),
    ["01-02T22:00", "01-02T23:00", "01-09T22:00"],
  ],
  ["once", once("2090-02-01T00:00:00Z", "2090-01-05T12:00:00Z"), ["01-05T12:00", "02-01T00:00"]],
  ["anyOf", anyOf(cron("0 3 * * *"), cron("0 4 1 * *")), ["01-01T03:00", "01-01T04:00", "01-02T03:00"]],
  [
    "allOf",
    allOf(every("4h", { from }), every("6h", { from })),
    ["01-01T02:00", "01-01T14:00", "01-02T02:00"],
  ],
  [
    "except",
    except(cron("0 12 * * *"), calendar.weekdays(), calendar.dates("2090-01-03")),
    ["01-02T12:00", "01-04T12:00", "01-05T12:00"],
  ],
];

interface Fired {
  readonly bench: StoreBench;
  /** The first fire times for which a leader wrote runs, at most three. */
  readonly written: readonly number[];
  /** What a node could start at the first of them. */
  readonly taken: readonly string[];
}

async function fired(id: string, trigger: Trigger): Promise<Fired> {
  const bench = await new StoreBench(server).ready();
  await bench.redis.set(bench.store.keys.clock, begin);
  await bench.define(id, { trigger });
  await new Materialiser(bench.store, 2 * year, bench.events).round(bench.epoch);
  const runs = await bench.redis.zrange(bench.store.keys.waiting, 0, 2, "WITHSCORES");
  const written = runs.flatMap((score, index) => (index % 2 === 1 ? [Number(score)] : []));
  const node = await bench.node("node", 1e12);
  expect(await node.take()).toEqual([]);
  await bench.advance((written[0] ?? 0) - begin);
  return { bench, written, taken: await node.take() };
}

describe("trigger", () => {
  test.each(types)("%s: fires when it should, and only then", async (_, trigger, first) => {
    const { bench, written, taken } = await fired("job", trigger);
    const instants = first.map((time) => Date.parse(`2090-${time}:00Z`));
    expect(written.filter((time) => time < begin + year)).toEqual(instants);
    expect(taken).toEqual([`job@${instants[0]}`]);
    await bench[Symbol.asyncDispose]();
  });

  test("everyRandom: fires within its bounds, at times drawn by the job's id alone", async () => {
    const trigger = everyRandom("1h", "2h");
    const [one, again, other] = [
      await fired("job", trigger),
      await fired("job", trigger),
      await fired("another", trigger),
    ];
    expect(again.written).toEqual(one.written);
    expect(other.written).not.toEqual(one.written);
    for (const [index, time] of one.written.entries()) {
      const waited = time - (one.written[index - 1] ?? begin);
      expect(waited).toBeGreaterThanOrEqual(3_600_000);
      expect(waited).toBeLessThanOrEqual(7_200_000);
    }
    expect(one.taken).toEqual([`job@${one.written[0]}`]);
    for (const { bench } of [one, again, other]) await bench[Symbol.asyncDispose]();
  });
});
