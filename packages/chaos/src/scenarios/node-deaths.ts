import { eventually } from "@escapement/testing";
import { every } from "@escapement/triggers";
import type { Outcome } from "../checker/case.js";
import { latenessOf } from "../checker/lateness.js";
import { found } from "../found.js";
import type { ChaosNode } from "../nodes/chaos-node.js";
import { Trial } from "../trial.js";
import { type Check, check, type Length, type Scenario, type ScenarioReport } from "./scenario.js";

const bound = 15_000;
// 20 jobs, 5 s each of 6: some 17 runs at a time, which two nodes have room for while a third is dead.
const jobs = (["at-least-once", "at-most-once"] as const).flatMap((delivery) =>
  Array.from({ length: 10 }, (_, index) => ({
    id: `${delivery}-${index}`,
    delivery,
    trigger: every("6s", { phase: 600 * index }),
    input: { work: 5000 },
    overlap: "allow" as const,
  })),
);

/** One death, and what the node held by what it witnessed itself. */
interface Death {
  readonly victim: string;
  readonly led: boolean;
  readonly killedAt: number;
  readonly held: readonly string[];
}

/** What became of one run that a node held when it died, ms after the kill; `undefined`: nothing. */
interface Fate {
  readonly run: string;
  readonly again: number | undefined;
  readonly lost: number | undefined;
}

/** SIGKILL of one node after the other, while they run handlers. */
export const nodeDeaths: Scenario = {
  name: "node-deaths",
  about: "SIGKILL of 10 nodes that run handlers, one after the other, every third the leader (--deaths)",
  async run({ deaths: count = 10 }: Length = {}): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3 });
    await trial.define("long", jobs);
    const deaths: Death[] = [];
    for (let number = 1; number <= count; number += 1) deaths.push(await killOne(trial, number));
    const verdict = await trial.verdict(Date.now(), { within: 60_000 });
    const checks = await judgeDeaths(trial, deaths);
    return { verdict, lateness: latenessOf(trial.evidence.read()), faults: trial.faults, checks };
  },
};

/** Kills a node that holds runs of both kinds, starts another in its place, and waits until what it held is somewhere. */
async function killOne(trial: Trial, number: number): Promise<Death> {
  const leads = number % 3 === 0;
  const leader = await trial.leader();
  const victim = await found(
    () => [...trial.nodes.values()].find((node) => isBusy(trial, node) && leads === (node === leader)),
    30_000,
  );
  const led = victim === (await trial.leader());
  const killedAt = await trial.fault(led ? "kill-leader" : "kill", victim.name, () => victim.kill());
  const death = { victim: victim.name, led, killedAt, held: heldBy(trial, victim.name) };
  await trial.addNode(`n${3 + number}`);
  // Should that not come in time, the judgement says so.
  const settled = async (): Promise<boolean> =>
    (await fatesOf(trial, death)).every(({ again, lost }) => again !== undefined || lost !== undefined);
  await eventually(settled, { within: 2 * bound, every: 500 }).catch(() => undefined);
  return death;
}

function isBusy(trial: Trial, { alive, name }: ChaosNode): boolean {
  const held = alive ? heldBy(trial, name) : [];
  return ["at-least", "at-most"].every((kind) => held.filter((run) => run.startsWith(kind)).length > 1);
}

/** The runs that a node was handed and whose outcome it has not heard to be accepted. */
function heldBy(trial: Trial, name: string): string[] {
  const done = new Set<string>(trial.facts("accepted").map(({ token }) => token));
  return trial.facts("claimed").flatMap((line) => {
    return line.node === name && !done.has(line.token) ? [line.run] : [];
  });
}

/** What became of all that a node held: by its own evidence, and by the store's history, which knows also what it never heard of. */
async function fatesOf(trial: Trial, { victim, killedAt, held }: Death): Promise<Fate[]> {
  const histories = (await trial.cases(Date.now())).flatMap(({ history }) => history);
  const identities = new Set<string>(
    trial.facts("up").flatMap(({ node, id }) => (node === victim ? [id] : [])),
  );
  const lostBy = ({ attempts }: Outcome): number | undefined =>
    attempts.find(({ state, node }) => state === "lost" && identities.has(node))?.finishedAt?.getTime();
  const kept = new Map<string, Outcome>(histories.map((outcome) => [outcome.id, outcome]));
  const starts = trial.facts("start").filter(({ node, at }) => node !== victim && at > killedAt);
  const runs = new Set([...held, ...histories.flatMap((one) => (lostBy(one) === undefined ? [] : [one.id]))]);
  const after = (at: number | undefined): number | undefined => (at === undefined ? at : at - killedAt);
  return [...runs].flatMap((run) => {
    const outcome = kept.get(run);
    // Its outcome was taken, and only the answer was not heard any more.
    if (outcome?.state === "succeeded" && lostBy(outcome) === undefined) return [];
    const again = starts.find((line) => line.run === run && line.attempt > 1);
    const lost = outcome?.state === "lost" ? lostBy(outcome) : undefined;
    return [{ run, again: after(again?.at), lost: after(lost) }];
  });
}

async function judgeDeaths(trial: Trial, deaths: readonly Death[]): Promise<Check[]> {
  const told = await Promise.all(
    deaths.map(async (death) => ({ ...death, fates: await fatesOf(trial, death) })),
  );
  const fates = told.flatMap((death) => death.fates);
  const ms = ({ again, lost }: Fate): number => again ?? lost ?? Number.POSITIVE_INFINITY;
  const wrong = fates.filter(({ run, again, lost }) => {
    return run.startsWith("at-least") ? again === undefined : lost === undefined || again !== undefined;
  });
  const each = told.map(({ victim, led, fates: own }) => {
    const again = own.filter((fate) => fate.again !== undefined).length;
    return `${victim}${led ? " (leader)" : ""}: ${again} again, ${own.length - again} lost, worst ${Math.max(...own.map(ms))} ms`;
  });
  return [
    check(
      "each at-least-once run that a dead node held started again elsewhere, each other one is recorded as lost",
      fates.length >= 2 * deaths.length && wrong.length === 0,
      { runs: fates.length, wrong },
    ),
    check(
      `within ${bound / 1000} s of the kill`,
      fates.every((fate) => ms(fate) < bound),
      each,
    ),
    check(
      "some of the dead led",
      deaths.length < 3 || deaths.some(({ led }) => led),
      deaths.filter(({ led }) => led).length,
    ),
  ];
}
