import type { JobDeclaration } from "@escapement/core";
import { eventually } from "@escapement/testing";
import { every, once } from "@escapement/triggers";
import type { JobCase } from "../checker/case.js";
import { latenessOf } from "../checker/lateness.js";
import { judgePauses, latestOf, type Pausable, type PauseFindings } from "../pauses/pause-rules.js";
import { Pauser } from "../pauses/pauser.js";
import { Trial } from "../trial.js";
import { type Check, check, type Scenario, type ScenarioReport } from "./scenario.js";

const names = ["job:by-job", "tag:month-end", "queue:billing"] as const;
const leaderTtl = 2000;
/** Where a leader is there, its look; else the lease of the one that died comes first. */
const bounds = { calm: 1000, leaderless: leaderTtl + 1000 };

/** Pauses of a job, a tag and a queue by the command line client alone outlive what they are held by. */
export const pauseSurvives: Scenario = {
  name: "pause-survives",
  about:
    "pauses by redis-cli outlive restarts of nodes and of Redis, redeploys, updates, and the leader's SIGKILL in the second of SET, DEL or TTL",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({
      nodes: 3,
      scheduler: { queues: ["default", "billing"], leaderTtl, lookahead: "3s", nodeTtl: "3s" },
    });
    const story = new Story(trial);
    await story.define();
    const deployed = await story.restartsAndDeploys();
    await story.leaderDiesWithTheSet();
    await story.leaderDiesWithTheEnd();
    await story.leaderDiesWithTheExpiry();
    const until = Date.now();
    const verdict = await trial.verdict(until);
    const evidence = trial.evidence.read();
    const found = judgePauses(evidence, story.things);
    return {
      verdict,
      lateness: latenessOf(evidence),
      faults: trial.faults,
      checks: [
        ...held(found),
        ...wentOn(found),
        onceEach(trial, found),
        check(
          "redeploying the same set changes nothing, and a changed one only that",
          deployed.every(Boolean),
          deployed,
        ),
        missedOnce(await trial.cases(until)),
        check("every fire time came to its end", verdict.open.length === 0, verdict.open),
      ],
    };
  },
};

/** What happens, one part after the other. After each nothing is paused. */
class Story {
  readonly #trial: Trial;
  readonly #pauser: Pauser;
  #nodes = 3;
  #jobs: readonly JobDeclaration[] = [];

  constructor(trial: Trial) {
    this.#trial = trial;
    this.#pauser = new Pauser(trial);
  }

  get things(): Pausable[] {
    return this.#jobs.map(({ id, task, queue = "default", tags = [], overlap }) => ({
      ...{ id, task: String(task), queue, tags, beside: overlap === "allow" },
    }));
  }

  async define(): Promise<void> {
    const now = Date.now();
    this.#jobs = jobsAt(now);
    await this.#deploy(this.#jobs.filter(({ id }) => id !== "once-late"));
    await this.#trial.remember(this.#jobs.map(({ id }) => id));
    const written = (): Promise<boolean> => this.#isWritten("once-written");
    await eventually(written, { within: 10_000 });
  }

  /** Nodes and Redis are restarted, the set is deployed again, and changed. Answers what of the deployments was as it should be. */
  async restartsAndDeploys(): Promise<boolean[]> {
    const trial = this.#trial;
    await this.#pause();
    const since = Date.now();
    await this.#deploy(this.#jobs.filter(({ id }) => id === "once-late"));
    await trial.remember(["once-late"]);
    await this.#replaceAll("restart");
    await this.#replaceAll("kill");
    await trial.fault("redis-restart", "store", () => trial.redis.restart());
    await trial.started(Date.now());
    await trial.fault("redis-kill", "store", async () => {
      await trial.redis.kill();
      await trial.redis.restart();
    });
    await trial.started(Date.now());
    const same = await this.#deploy(this.#jobs);
    const changed = await this.#deploy(
      this.#jobs.map((job) => ({
        ...job,
        metadata: { release: 2 },
        ...(job.trigger?.type === "once" ? {} : { priority: 1 }),
      })),
    );
    await trial.client.job("by-tag-1").update({ timeout: "30s", retry: { attempts: 2 } });
    // Some fire times that the pause has held back are written nowhere: it has lasted for longer than they are written beforehand.
    await trial.started(Math.max(since + 5000, Date.now()));
    await trial.retrigger("changing", every("400ms"));
    const unwritten = !(await this.#isWritten("once-unwritten")) && !(await this.#isWritten("once-late"));
    await trial.started(Date.now() + 4000); // longer than what is written beforehand
    await this.#resume();
    await this.#goesOn();
    return [same.length === 0, changed.length === this.#jobs.length, unwritten];
  }

  async leaderDiesWithTheSet(): Promise<void> {
    const leader = await this.#trial.leader();
    await this.#pause();
    await this.#trial.fault("kill", leader.name, () => leader.kill());
    await this.#addNode();
    await this.#trial.started(Date.now() + leaderTtl + 3000);
    await this.#resume();
    await this.#goesOn();
  }

  async leaderDiesWithTheEnd(): Promise<void> {
    await this.#pause();
    await this.#trial.started(Date.now() + 1500);
    const leader = await this.#trial.leader();
    await this.#resume();
    await this.#trial.fault("kill", leader.name, () => leader.kill());
    await this.#addNode();
    await this.#goesOn();
  }

  async leaderDiesWithTheExpiry(): Promise<void> {
    const ttl = 3000;
    await this.#pause(ttl);
    const leader = await this.#trial.leader();
    await this.#trial.lasts(ttl - 150);
    await this.#trial.fault("kill", leader.name, () => leader.kill());
    await this.#addNode();
    await this.#goesOn();
  }

  async #pause(ttl?: number): Promise<void> {
    for (const name of names)
      await this.#pauser.pause(name, { type: "string", reason: "wrong figures" }, ttl);
  }

  async #resume(): Promise<void> {
    for (const name of names) await this.#pauser.resume(name);
  }

  /** Resolves when each job that fires again and again has started with a fire time of after now, and all that was due before has ended. */
  async #goesOn(): Promise<void> {
    const now = Date.now();
    const ids = this.#jobs.filter(({ trigger }) => trigger?.type !== "once").map(({ id }) => id);
    const after = (id: string): boolean =>
      this.#trial
        .facts("start")
        .some(({ run, scheduledAt }) => run.startsWith(`${id}@`) && scheduledAt > now);
    // What does not go on is for the verdict to tell.
    await eventually(() => ids.every(after), { within: 8000, every: 50 }).catch(() => undefined);
    await this.#trial.settled(now, 8000);
  }

  /** Ends all nodes at once, by SIGTERM or SIGKILL, and starts as many. Resolves when runs start there. */
  async #replaceAll(how: "restart" | "kill"): Promise<void> {
    const old = [...this.#trial.nodes.values()].filter(({ alive }) => alive);
    await Promise.all(
      old.map((node) =>
        this.#trial.fault(how, node.name, () => (how === "kill" ? node.kill() : node.stop())),
      ),
    );
    await Promise.all(old.map(() => this.#addNode()));
    await this.#trial.started(Date.now());
  }

  async #addNode(): Promise<void> {
    this.#nodes += 1;
    await this.#trial.addNode(`n${this.#nodes}`);
  }

  /** Answers the ids of what was added or changed. */
  async #deploy(jobs: readonly JobDeclaration[]): Promise<readonly string[]> {
    const { added, updated } = await this.#trial.client.apply(jobs);
    return [...added, ...updated];
  }

  async #isWritten(job: string): Promise<boolean> {
    return (await this.#trial.client.unfinishedRuns({ job })).length > 0;
  }
}

function jobsAt(now: number): JobDeclaration[] {
  const often = { task: "tick", trigger: every("250ms") } as const;
  const [tags, queue] = [["month-end"], "billing"];
  return [
    { ...often, id: "by-job", overlap: "allow" },
    { ...often, id: "by-tag-1", tags, overlap: "allow" },
    { ...often, id: "by-tag-2", tags, overlap: "queue-all" },
    { ...often, id: "by-queue-1", queue, overlap: "allow" },
    { ...often, id: "by-both", queue, tags, overlap: "queue-all" },
    { ...often, id: "changing", tags, overlap: "allow" },
    { ...often, id: "other-1", overlap: "allow" },
    { ...often, id: "other-2", task: "long", tags: ["week-end"], overlap: "queue-all" },
    { task: "tick", id: "once-written", tags, trigger: once(now + 5000) },
    { task: "tick", id: "once-unwritten", queue, trigger: once(now + 13_000) },
    { task: "tick", id: "once-late", tags, trigger: once(now + 9000) },
  ];
}

function held({ spans, claimed, started }: PauseFindings): Check[] {
  return [
    check(
      "each was paused four times, and each pause ended",
      spans.length === 4 * names.length && spans.every(({ over }) => Number.isFinite(over.mono)),
      spans.length,
    ),
    check("no attempt of what was paused was handed out", claimed.length === 0, claimed.slice(0, 10)),
    {
      ...check(
        "and none started later than 100 ms after the SET",
        started.every(({ ms }) => ms <= 100),
        latestOf(started),
      ),
      timing: true,
    },
  ];
}

function wentOn({ spans, wentOn }: PauseFindings): Check[] {
  const parts = [
    "after restarts and redeploys",
    "after the leader died with the SET",
    "after it died with the DEL",
    "after it died with the TTL's end",
  ];
  return parts.flatMap((part, index) => {
    const own = new Set(spans.slice(index * names.length, (index + 1) * names.length));
    const seen = wentOn.filter(({ span }) => own.has(span));
    const bound = index < 2 ? bounds.calm : bounds.leaderless;
    return [
      check(`what had been held back went on ${part}`, seen.length > 0, seen.length),
      {
        ...check(
          `within ${bound} ms`,
          seen.every(({ ms }) => ms <= bound),
          latestOf(seen),
        ),
        timing: true,
      },
    ];
  });
}

/** Nothing is skipped or missed but what a trigger that was replaced still had to give: written nowhere yet, and held back by the pause. */
function missedOnce(jobs: readonly JobCase[]): Check {
  const seen = jobs.flatMap(({ id, history }) =>
    history.flatMap(({ state, reason, count }) =>
      state === "missed" || state === "skipped" ? [{ id, state, reason, count }] : [],
    ),
  );
  const right = seen.every(
    ({ id, state, reason }) => `${id} ${state} ${reason}` === "changing missed paused",
  );
  return check(
    "of a trigger that was replaced one record says what was missed; else nothing was",
    right && seen.length === 1,
    seen,
  );
}

/** The one-shots that came due while they were paused. */
function onceEach(trial: Trial, { spans }: PauseFindings): Check {
  const starts = trial.facts("start").filter(({ run }) => run.startsWith("once-"));
  const seen = starts.map(({ run, attempt, scheduledAt, at }) => ({ run, attempt, late: at - scheduledAt }));
  const ended = Math.min(...spans.slice(0, names.length).map(({ sure }) => sure.at));
  const right = starts.every(({ run, scheduledAt, at }) => run.endsWith(`@${scheduledAt}`) && at >= ended);
  return check(
    "one-shots, written before the pause or not, ran once, late, as what they were",
    right && starts.length === 3,
    seen,
  );
}
