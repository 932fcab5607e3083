import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job, JobDeclaration } from "@escapement/core";
import { eventually } from "@escapement/testing";
import { cron, every, once, weekly } from "@escapement/triggers";
import { expectedFireTimes } from "../checker/expected.js";
import { latenessOf } from "../checker/lateness.js";
import type { ChaosNode } from "../nodes/chaos-node.js";
import { Trial } from "../trial.js";
import { type Check, check, type Scenario, type ScenarioReport } from "./scenario.js";

/** How often the set is deployed, over how many ms at least. */
interface Rollout {
  readonly times: number;
  readonly over: number;
}

/** What a process said of one of its deployments. */
interface Deployed {
  /** The machine's monotonic clock, ms. */
  readonly begun: number;
  readonly ended: number;
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly removed: readonly string[];
}

const together = 3;

/** S8, S9: three processes deploy the same set at the same time, again and again: no fire time changes, and no run is added or lost. */
export function redeployment({ times, over }: Rollout): Scenario {
  return {
    name: "redeploy",
    about: `${together} nodes deploy the same set at once, ${times} times, one of them restarted each time, some by SIGKILL`,
    async run(): Promise<ScenarioReport> {
      await using trial = await Trial.start({ nodes: 0, scheduler: { nodeTtl: "3s" } });
      using rollout = new Deployments(trial);
      await rollout.prepare();
      const jobs = declared(Date.now(), over);
      const ids = jobs.map(({ id }) => id);
      await rollout.once(jobs);
      const first = [...(await trial.remember(ids))];
      const cursors: Cursors[] = [];
      for (let time = 1; time < times; time += 1) {
        await rollout.once(jobs);
        cursors.push(await cursorsOf(trial, ids));
        await trial.lasts(Math.max(over / times - rollout.lasted, 0));
      }
      const until = Date.now();
      const verdict = await trial.verdict(until);
      const last = await Promise.all(ids.map((id) => trial.client.job(id).get()));
      const checks = [
        ...deploymentsMet(rollout.all(), times, ids),
        sameJobs(first, last),
        cursorsKept(first, cursors),
        check("no fire time was skipped or missed", noReason(verdict.reasons), verdict.reasons),
        check("every fire time came to its end", verdict.open.length === 0, verdict.open.length),
      ];
      return { verdict, lateness: latenessOf(trial.evidence.read()), faults: trial.faults, checks };
    },
  };
}

/** The full length. */
export const redeploy: Scenario = redeployment({ times: 50, over: 30_000 });

function declared(start: number, over: number): JobDeclaration[] {
  const day = new Date(start + 3 * 86_400_000).getUTCDay();
  const job = { task: "tick", overlap: "allow", input: { work: 30 } } as const;
  const several = (id: string, options: Pick<JobDeclaration, "trigger">): JobDeclaration[] =>
    Array.from({ length: 8 }, (_, index) => ({ ...job, id: `${id}-${index + 1}`, ...options }));
  return [
    ...several("every", { trigger: every("1s") }),
    ...several("cron", { trigger: cron("* * * * * *", { timezone: "Europe/Berlin" }) }),
    { ...job, id: "jittered", trigger: every("1s"), jitter: "300ms" },
    { ...job, id: "weekly", trigger: weekly({ on: day, at: "09:00" }) },
    { ...job, id: "later", trigger: every("1s"), startAt: start + over / 4 },
    { ...job, id: "ends", trigger: every("1s"), endAt: start + over / 2 },
    { ...job, id: "three", trigger: every("2s"), maxRuns: 3 },
    { ...job, id: "once", trigger: once(start + over / 3) },
  ];
}

/** Nodes of a service that is deployed. */
class Deployments implements Disposable {
  readonly #trial: Trial;
  readonly #file: string;
  readonly #running: ChaosNode[] = [];
  readonly #ending: Promise<void>[] = [];
  #done = 0;
  #started = 0;
  /** How long the last one took, ms. */
  lasted = 0;

  constructor(trial: Trial) {
    this.#trial = trial;
    this.#file = join(tmpdir(), `escapement-jobs-${trial.client.namespace}.json`);
  }

  /** Starts the nodes of the first deployment, which takes a while. */
  async prepare(): Promise<void> {
    while (this.#running.length < together) await this.#start();
  }

  /** One deployment: one node goes, another comes, and it applies the set together with those that stay. */
  async once(jobs: readonly JobDeclaration[]): Promise<void> {
    const begun = performance.now();
    writeFileSync(this.#file, JSON.stringify(jobs));
    if (this.#done > 0) {
      await this.#start();
      await this.#end(this.#running.shift());
    }
    for (const node of this.#running) node.deploy();
    this.#done += together;
    await eventually(() => this.all().length + this.#failed() >= this.#done, { within: 20_000 });
    this.lasted = performance.now() - begun;
  }

  /** What was said of all of them so far, by whoever has not been killed meanwhile. */
  all(): Deployed[] {
    return this.#trial.facts("event").flatMap(({ event, details, mono }) => {
      return event === "deployed" ? [{ ...(details as Deployed), ended: mono }] : [];
    });
  }

  /** Those that failed: the first check then says that some are missing. */
  #failed(): number {
    return this.#trial.facts("event").filter(({ event }) => event === "deployFailed").length;
  }

  [Symbol.dispose](): void {
    rmSync(this.#file, { force: true });
  }

  async #start(): Promise<void> {
    this.#started += 1;
    const name = `n${this.#started}`;
    this.#running.push(await this.#trial.addNode(name, { jobs: this.#file }));
    const ready = (): boolean =>
      this.#trial.facts("event").some(({ node, event }) => node === name && event === "ready");
    await eventually(ready, { within: 20_000 });
  }

  /** Every fifth goes without having been asked. */
  async #end(node: ChaosNode | undefined): Promise<void> {
    if (node === undefined) return;
    if (this.#started % 5 === 0) await this.#trial.fault("kill", node.name, () => node.kill());
    // Nobody waits for its end: what it runs may take a while.
    else await this.#trial.fault("restart", node.name, () => void this.#ending.push(node.stop()));
  }
}

function deploymentsMet(all: readonly Deployed[], times: number, ids: readonly string[]): Check[] {
  const added = all.flatMap((one) => one.added).sort();
  const changed = all.flatMap(({ updated, removed }) => [...updated, ...removed]);
  const rounds = Array.from({ length: times }, (_, round) =>
    all.toSorted((a, b) => a.begun - b.begun).slice(round * together, (round + 1) * together),
  );
  const atOnce = rounds.filter(
    (round) => Math.max(...round.map(({ begun }) => begun)) < Math.min(...round.map(({ ended }) => ended)),
  );
  return [
    check("each process deployed each time", all.length === times * together, all.length),
    check("a quarter of them all at the same moment", atOnce.length > times / 4, atOnce.length),
    check("each job was added once, by one of them", String(added) === String(ids.toSorted()), added),
    check("nothing was changed or removed after that", changed.length === 0, changed),
  ];
}

function sameJobs(first: readonly Job[], last: readonly (Job | undefined)[]): Check {
  const lasting = (job: Job | undefined): unknown => [job?.id, job?.version, job?.createdAt, job?.trigger];
  const versions = last.map((job) => `${job?.id} ${job?.version}`);
  const same = JSON.stringify(first.map(lasting)) === JSON.stringify(last.map(lasting));
  return check(
    "all jobs are of version 1, and as old as ever",
    same && first.every(({ version }) => version === 1),
    versions,
  );
}

type Cursors = ReadonlyMap<string, number>;

/** The next fire time of each job, as the store says. */
async function cursorsOf(trial: Trial, ids: readonly string[]): Promise<Cursors> {
  const jobs = await Promise.all(ids.map((id) => trial.client.job(id).get()));
  return new Map(jobs.flatMap((job) => (job?.nextFireTime ? [[job.id, job.nextFireTime.getTime()]] : [])));
}

function cursorsKept(first: readonly Job[], cursors: readonly Cursors[]): Check {
  const astray = first.flatMap((job) => {
    const seen = cursors.flatMap((read) => read.get(job.id) ?? []);
    const last = Math.max(...seen, 0);
    const given = new Set(expectedFireTimes(job, last));
    const wrong = seen.filter((time, index) => !given.has(time) || time < (seen[index - 1] ?? 0));
    return wrong.map((time) => `${job.id} ${time}`);
  });
  const week = new Set(cursors.map((read) => read.get("weekly")));
  const says =
    "next fire times, read after each deployment, are those of the first definition, and the weekly one stays";
  return check(says, astray.length === 0 && week.size === 1 && !week.has(undefined), {
    astray,
    weekly: [...week],
  });
}

function noReason(reasons: Readonly<Record<string, number>>): boolean {
  return Object.keys(reasons).length === 0;
}
