import type { JobStore } from "@escapement/testing";
import { expect } from "vitest";
import type { JobOptions } from "../src/job.js";
import { Materialiser } from "../src/materialise.js";
import { listJobs } from "../src/read-jobs.js";
import { type BenchNode, expectSound, StoreBench } from "./store-bench.js";

/** How often the cluster was told that the job is exhausted. */
export async function timesTold(bench: StoreBench, job = "job"): Promise<number> {
  const entries = await bench.redis.xrange(bench.store.keys.events, "-", "+");
  return entries
    .flatMap(([, values]) => (values[3] ?? "").split("\n"))
    .filter((line) => line === `jobExhausted ${job}`).length;
}

export async function exhaustedJobs(bench: StoreBench): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of listJobs(bench.store, { state: "exhausted" })) ids.push(id);
  return ids;
}

export async function expectAlive(bench: StoreBench): Promise<void> {
  expect(await bench.job("job").get()).toMatchObject({
    state: expect.stringMatching(/^(scheduled|paused)$/),
  });
  expect(await exhaustedJobs(bench)).toEqual([]);
  expect(await timesTold(bench)).toBe(0);
}

export async function expectExhausted(bench: StoreBench): Promise<void> {
  expect(await bench.job("job").get()).toMatchObject({ state: "exhausted", nextFireTime: undefined });
  expect(await exhaustedJobs(bench)).toEqual(["job"]);
  expect(await timesTold(bench)).toBe(1);
  expect(await bench.redis.zscore(bench.store.keys.due, "job")).toBeNull();
  await expectSound(bench);
}

export const leaderOf = (bench: StoreBench): Materialiser =>
  new Materialiser(bench.store, 10_000, bench.events);

export interface Situation {
  readonly bench: StoreBench;
  readonly node: BenchNode;
  readonly run: string;
}

/** The job's last run is due. */
export async function due(
  server: JobStore,
  options: (now: number) => Partial<JobOptions>,
  more: Partial<JobOptions>,
): Promise<Situation> {
  const bench = await new StoreBench(server).ready();
  await bench.define("job", { ...options(await bench.now()), ...more });
  const node = await bench.node("node", 1e9);
  const leader = leaderOf(bench);
  while ((await leader.round(bench.epoch)).runs > 0);
  const [run = ""] = await bench.redis.zrange(bench.store.keys.unstarted, 0, -1);
  await bench.advance(2000);
  return { bench, node, run };
}
