import { eventually } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { latenessOf } from "../checker/lateness.js";
import { found } from "../found.js";
import type { ChaosNode } from "../nodes/chaos-node.js";
import { Trial } from "../trial.js";
import { type Check, check, type Scenario, type ScenarioReport } from "./scenario.js";

const input = { work: 5000 };
const loose = Array.from({ length: 6 }, (_, index) => ({
  id: `retry-${index}`,
  delivery: "at-least-once" as const,
}));
const strict = Array.from({ length: 6 }, (_, index) => ({
  id: `once-${index}`,
  delivery: "at-most-once" as const,
}));

/** The node that was killed, and the runs of either kind that it held. */
interface Death {
  readonly leads: boolean;
  readonly killedAt: number;
  readonly retried: readonly string[];
  readonly given: readonly string[];
}

/** SIGKILL of a node that runs handlers: what it ran starts again elsewhere, or is recorded as lost. */
export const nodeDeath: Scenario = {
  name: "node-death",
  about: "SIGKILL of a node with handlers running",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3, scheduler: { concurrency: 10 } });
    const jobs = [...loose, ...strict].map((job) => ({
      ...job,
      input,
      trigger: every("6s"),
      overlap: "allow" as const,
    }));
    await trial.define("long", jobs);
    const death = await killOne(trial);
    const { killedAt, retried } = death;
    await eventually(() => againAfter(trial, death).length === retried.length, { within: 20_000 }).catch(
      () => undefined,
    );
    const until = killedAt + 12_000;
    const verdict = await trial.verdict(until);
    const checks = [
      ...startedAgain(trial, death),
      await lostOnes(trial, death, until),
      ...(await told(trial, death)),
    ];
    return { verdict, lateness: latenessOf(trial.evidence.read()), faults: trial.faults, checks };
  },
};

async function killOne(trial: Trial): Promise<Death> {
  const runs = (kind: string, node: string): string[] =>
    trial.running(node).flatMap(({ run }) => (run.startsWith(kind) ? [run] : []));
  // Any node will do, the leader too: its death must not make it take longer.
  const holdsBoth = ({ name }: ChaosNode): boolean =>
    runs("retry", name).length > 0 && runs("once", name).length > 0;
  const victim = await found(() => [...trial.nodes.values()].find(holdsBoth), 20_000);
  const leads = victim === (await trial.leader());
  const killedAt = await trial.fault("kill", victim.name, () => victim.kill());
  return { leads, killedAt, retried: runs("retry", victim.name), given: runs("once", victim.name) };
}

/** How many ms after the kill each run that may be repeated started again. */
function againAfter(trial: Trial, { retried, killedAt }: Death): number[] {
  return trial
    .facts("start")
    .flatMap((line) => (retried.includes(line.run) && line.attempt === 2 ? [line.at - killedAt] : []));
}

function startedAgain(trial: Trial, death: Death): Check[] {
  const ms = againAfter(trial, death);
  const { leads, retried } = death;
  return [
    check("each at-least-once run starts again as attempt 2", ms.length === retried.length, {
      runs: retried.length,
      startedAgain: ms.length,
    }),
    check("within 15 s of the kill", Math.max(...ms) < 15_000, { leads, ms }),
  ];
}

async function lostOnes(trial: Trial, { given }: Death, until: number): Promise<Check> {
  const histories = await trial.cases(until);
  const lostInHistory = given.filter((run) =>
    histories.some(({ history }) => history.some(({ id, state }) => id === run && state === "lost")),
  );
  const again = trial.facts("start").filter(({ run, attempt }) => given.includes(run) && attempt > 1);
  return check(
    "each at-most-once run is recorded as lost and not started again",
    again.length === 0 && lostInHistory.length === given.length,
    given.length,
  );
}

/** What anybody who asks for the runs is told. */
async function told(trial: Trial, { retried, given }: Death): Promise<Check[]> {
  const kept = await Promise.all([...retried, ...given].map((run) => trial.client.run(run).get()));
  return [
    check(
      "run(id).get() tells both",
      kept.every((run) => run?.state === (retried.includes(run?.id ?? "") ? "succeeded" : "lost")),
      kept.map((run) => `${run?.jobId} ${run?.state} after ${run?.attempt}`),
    ),
    check(
      "the lost attempts are in the history",
      kept.every((run) => run?.attempts[0]?.state === "lost"),
      kept.map((run) => run?.attempts.map(({ state }) => state)),
    ),
  ];
}
