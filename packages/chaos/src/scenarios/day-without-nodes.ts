import type { JobOptions } from "@escapement/core";
import { eventually } from "@escapement/testing";
import { cron, every } from "@escapement/triggers";
import { Redis } from "ioredis";
import { latenessOf } from "../checker/lateness.js";
import type { Evidence } from "../evidence/evidence.js";
import type { LoopReport } from "../nodes/loop-watch.js";
import { Trial } from "../trial.js";
import { type Check, check, type Scenario, type ScenarioReport } from "./scenario.js";

/** How often nodes come back to one job of each kind, and to how many at once. */
interface Returns {
  readonly times: number;
  readonly atOnce: number;
}

/** What came of one job: the day's fire times that it made up for, and those that it recorded as missed. */
interface Account {
  readonly job: string;
  readonly made: number;
  /** Fire times in the summary records, and how many of these there are. */
  readonly missed: number;
  readonly records: number;
  /** Fire times of the seconds that the test itself took, made up for or missed along with the day's. */
  readonly own: number;
  /** Whether what was missed and what ran are all fire times from the first one on, each once. */
  readonly whole: boolean;
}

/** What came of one return. */
interface Return {
  readonly accounts: readonly Account[];
  /** Of the leader, from its election on. */
  readonly loop: LoopReport | undefined;
  /** From its start until all had caught up, ms. */
  readonly took: number;
}

const day = 86_400;
const most = 100;
// A process has to read each of them at its first use, which takes a while.
const zones = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
  "Africa/Cairo",
  "America/Sao_Paulo",
  "Asia/Tokyo",
];

/** S10: after 24 hours without any node, jobs of each second make up for what their catch-up says, and the leader's loop goes on. */
export function dayWithoutNodes({ times, atOnce }: Returns): Scenario {
  return {
    name: "day-without-nodes",
    about: `24 h without any node: catch-up of jobs of each second, ${times} times two jobs, and ${atOnce} at once`,
    async run(): Promise<ScenarioReport> {
      await using trial = await Trial.start({ nodes: 0 });
      const few: Return[] = [];
      for (let time = 1; time <= times; time += 1) few.push(await comeBack(trial, `few-${time}`, 2));
      const many = await comeBack(trial, "many", atOnce);
      const verdict = await trial.verdict(Date.now());
      const checks = [
        ...accounted("two jobs", few),
        loopGoesOn("two jobs", few),
        ...accounted(`${atOnce} jobs at once`, [many]),
        loopGoesOn(`${atOnce} jobs at once`, [many]),
      ];
      return { verdict, lateness: latenessOf(trial.evidence.read()), faults: trial.faults, checks };
    },
  };
}

/** The full length. */
export const dayAway: Scenario = dayWithoutNodes({ times: 10, atOnce: 200 });

/** So many jobs whose last day was missed; a node comes back to them, and goes once it has caught up. */
async function comeBack(trial: Trial, name: string, count: number): Promise<Return> {
  const jobs = jobsOf(name, count);
  await trial.client.apply(jobs.map((job) => ({ task: "tick", ...job })));
  const first = await age(trial, jobs);
  const begun = performance.now();
  const node = await trial.addNode(name, { watchLoop: true, scheduler: { roles: ["leader"] } });
  const worker = await trial.addNode(`${name}-worker`, { scheduler: { roles: ["worker"] } });
  await eventually(() => trial.facts("elected").some((line) => line.node === name), { within: 20_000 });
  const elected = trial.facts("elected").find((line) => line.node === name)?.at ?? 0;
  await eventually(() => jobs.every(({ id }) => caughtUp(startsOf(trial, id), elected)), {
    within: 60_000,
    every: 500,
  });
  const took = performance.now() - begun;
  await Promise.all([node.stop(), worker.stop()]);
  const accounts: Account[] = [];
  for (const { id } of jobs) {
    accounts.push(await accountOf(trial, id, first.get(id) ?? 0, elected, startsOf(trial, id)));
    await trial.client.job(id).remove();
  }
  const loop = trial.facts("event").find((line) => line.node === name && line.event === "loop");
  return { accounts, loop: loop?.details as LoopReport | undefined, took };
}

/** One half makes up for the latest, the other for all; of either, one half fires by cadence, the other by one of several time zones. */
function jobsOf(name: string, count: number): JobOptions[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${index % 2 === 0 ? "latest" : "all"}-${name}-${index}`,
    trigger:
      index % 4 < 2 ? every("1s") : cron("* * * * * *", { timezone: zones[index % zones.length] ?? "UTC" }),
    overlap: "allow",
    // Longer than what is made up for: else what waits for its claim is judged once more, and recorded once more.
    misfire: { grace: "5m", ...(index % 2 === 0 ? { catchUp: "latest" } : { catchUp: "all", max: most }) },
  }));
}

/** Makes jobs a day older, and puts their cursors back by as much. Answers each job's first fire time. */
async function age(trial: Trial, jobs: readonly JobOptions[]): Promise<Map<string, number>> {
  const redis = new Redis(trial.redis.url);
  const key = (name: string): string => `escapement:{${trial.client.namespace}}:${name}`;
  const first = new Map<string, number>();
  for (const { id } of jobs) {
    const [version, created] = String(await redis.hget(key("state"), id)).split(" ");
    const cursor = Number(await redis.zscore(key("due"), id)) - day * 1000;
    await redis.hset(key("state"), id, `${version} ${Number(created) - day * 1000}`);
    await redis.zadd(key("due"), cursor, id);
    first.set(id, cursor);
  }
  await redis.quit();
  return first;
}

type Start = Extract<Evidence, { kind: "start" }>;

function startsOf(trial: Trial, job: string): Start[] {
  return trial.facts("start").filter((start) => start.run.startsWith(`${job}@`));
}

/** Whether fire times of the time after the election have started. */
function caughtUp(starts: readonly Start[], elected: number): boolean {
  return starts.some(({ scheduledAt }) => scheduledAt > elected + 1000);
}

async function accountOf(
  trial: Trial,
  job: string,
  first: number,
  elected: number,
  starts: readonly Start[],
): Promise<Account> {
  const history = await trial.client.job(job).history({ limit: 10_000 });
  const records = history.filter(({ state }) => state === "missed");
  const missed = records.reduce((sum, { count }) => sum + count, 0);
  const times = starts.map(({ scheduledAt }) => scheduledAt).sort((a, b) => a - b);
  const made = job.startsWith("latest") ? 1 : most;
  // The last one made up for was the latest one of the moment at which the leader looked: between its election and the first start.
  const lastMade = first + (missed + made - 1) * 1000;
  const looked = lastMade + 1000 > elected && lastMade <= Math.min(...starts.map(({ at }) => at));
  const follow = times.every((time, index) => time === first + (missed + index) * 1000);
  return {
    job,
    made: times.filter((time) => time <= lastMade).length,
    missed,
    records: records.length,
    own: missed + made - day,
    whole: looked && follow && records.at(-1)?.scheduledAt.getTime() === first,
  };
}

function accounted(who: string, returns: readonly Return[]): Check[] {
  const accounts = returns.flatMap((one) => one.accounts);
  const of = (kind: string): Account[] => accounts.filter(({ job }) => job.startsWith(kind));
  const said = (of: readonly Account[]): unknown =>
    [
      ...new Set(
        of.map(
          ({ made, missed, records, own }) =>
            `${made} ran, ${missed} missed (${own} of the test's own) in ${records}`,
        ),
      ),
    ].slice(0, 12);
  const exact = (made: number) => (one: Account) =>
    one.whole && one.made === made && one.records === 1 && one.missed === day - made + one.own;
  return [
    check(
      `${who}: catch-up latest runs once, the rest is one record`,
      of("latest").every(exact(1)),
      said(of("latest")),
    ),
    check(
      `${who}: catch-up all, at most ${most}, runs ${most}, the rest is one record`,
      of("all").every(exact(most)),
      said(of("all")),
    ),
  ];
}

function loopGoesOn(who: string, returns: readonly Return[]): Check {
  const of = (value: (loop: LoopReport) => number): number[] =>
    returns.map(({ loop }) => (loop === undefined ? Number.NaN : Math.round(value(loop))));
  // Where others want the processor too, the clock says how long these had it.
  const own = of(({ busy, heldUp }) => (busy === 0 ? heldUp : Math.min(busy, heldUp)));
  const seen = { own, heldUp: of(({ heldUp }) => heldUp), took: returns.map(({ took }) => Math.round(took)) };
  const says = `${who}: the leader never holds its loop up for more than 50 ms`;
  return {
    ...check(
      says,
      own.every((ms) => ms <= 50),
      seen,
    ),
    timing: true,
  };
}
