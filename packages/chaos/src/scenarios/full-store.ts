import type { Finding } from "@escapement/core";
import { eventually } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { accountFor } from "../checker/accounts.js";
import { latenessOf } from "../checker/lateness.js";
import { found } from "../found.js";
import { type Called, helpfulCalls, writingCalls } from "../full-store/calls.js";
import { type Answer, type CliNode, startCliNode } from "../full-store/cli-node.js";
import { type Halfway, removeWhenFull, writeHalfway } from "../full-store/halfway.js";
import { keysOf } from "../full-store/keys.js";
import { type Neighbour, neighbourOn } from "../full-store/neighbour.js";
import { Trial } from "../trial.js";
import { type Check, check, type Length, type Scenario, type ScenarioReport } from "./scenario.js";

const short = { nodeTtl: 2000, leaderTtl: 1000, lookahead: 3000, pollEvery: 500, sweepEvery: 1000 };
const back = 5000; // the bound within which all goes on once there is room
const common = { trigger: every("1s"), overlap: "allow" as const };

/** What was seen while the store was full, and when there was room again. */
interface Seen {
  readonly calls: readonly Called[];
  readonly helpful: readonly Called[];
  readonly memory: Finding | undefined;
  readonly live: Answer;
  readonly ready: Answer;
  readonly fullAt: number;
  readonly roomAt: number;
  /** ms after there was room: `node --health` says ready, somebody leads, a fire time starts. */
  readonly readyAfter: number;
  readonly leaderAfter: number;
  readonly startAfter: number;
}

/** Redis at its maxmemory, really: somebody else fills it. All is refused, nothing is lost, and it goes on with room. */
export const fullStore: Scenario = {
  name: "full-store",
  about: "Somebody else fills Redis' memory, for longer than all leases, and leaves again",
  async run({ short: isShort = false }: Length = {}): Promise<ScenarioReport> {
    const scheduler = { ...(isShort && short), deadline: 500 };
    const [full, jobs] = isShort ? [3000, 300] : [15_000, 1000]; // longer than any lease
    await using trial = await Trial.start({ nodes: 2, scheduler });
    await using cli = await startCliNode(trial.redis.url, trial.client.namespace);
    const neighbour = neighbourOn(trial.redis);
    const held = await workload(trial);
    const seen = await fillAndLeave(trial, cli, neighbour, full);
    const halves = [
      ...(await writeHalfway(trial, neighbour, jobs)),
      await removeWhenFull(trial, neighbour, jobs),
    ];
    const until = seen.roomAt + 2000;
    await trial.started(until);
    const verdict = await trial.verdict(until);
    const missed = await misfires(trial, seen);
    return {
      verdict,
      lateness: latenessOf(trial.evidence.read()),
      faults: trial.faults,
      checks: [
        ...whileFull(seen),
        ...withRoom(trial, seen, held),
        check(
          "what came due meanwhile was settled by each job's misfire rule",
          missed["patient"] === 0 &&
            ["latest", "none", "all"].every((job) => (missed[job] ?? 0) > 0 === (job !== "all")),
          missed,
        ),
        ...halfway(halves),
        check(
          "the sweeper found nothing to mend",
          Object.keys(await keysOf(trial).mended()).length === 0,
          {},
        ),
      ],
    };
  },
};

/** Jobs of each misfire rule, and runs of either delivery that come to their end in the full store. */
async function workload(trial: Trial): Promise<string[]> {
  await trial.define("tick", [
    { id: "patient", ...common },
    { id: "latest", ...common, misfire: { grace: 1500 } },
    { id: "none", ...common, misfire: { grace: 1500, catchUp: "none" } },
    { id: "all", ...common, misfire: { grace: 1500, catchUp: "all" } },
  ]);
  await trial.client.schedule("tick", { id: "to-be-removed", trigger: every("1h") });
  await trial.client.enqueue("tick", { id: "to-be-cancelled", delay: "1h" });
  const held = (["at-least-once", "at-most-once"] as const).flatMap((delivery) =>
    [1, 2, 3].map((number) => ({ id: `held-${delivery}-${number}`, delivery, input: { work: 2500 } })),
  );
  await trial.started(Date.now() + 1000);
  await trial.client.enqueueMany("long", held);
  const ids = held.map(({ id }) => id);
  await eventually(() => ids.every((id) => trial.facts("start").some(({ run }) => run === id)), {
    within: 10_000,
  });
  return ids;
}

async function fillAndLeave(trial: Trial, cli: CliNode, neighbour: Neighbour, full: number): Promise<Seen> {
  const { client } = trial;
  const fullAt = await trial.fault("fill", "memory", () => neighbour.fill(2_000_000));
  const calls = await writingCalls(client, "patient");
  const helpful = await helpfulCalls(client, "none");
  const memory = (await client.doctor()).find(({ check: about }) => about === "memory");
  await trial.lasts(Math.max(1, fullAt + full - Date.now()));
  const [live, ready] = [await cli.ask("/livez"), await cli.ask("/readyz")];
  const roomAt = await trial.fault("leave", "memory", () => neighbour.leave());
  const after = async (is: () => Promise<boolean>): Promise<number> =>
    found(async () => ((await is()) ? Date.now() - roomAt : undefined), 20_000).catch(
      () => Number.POSITIVE_INFINITY,
    );
  const [readyAfter, leaderAfter, startAfter] = await Promise.all([
    after(async () => (await cli.ask("/readyz")).status === 200),
    after(async () => (await client.leader()) !== undefined),
    after(async () => trial.facts("start").some(({ run, at }) => run.startsWith("patient@") && at > roomAt)),
  ]);
  return { calls, helpful, memory, live, ready, fullAt, roomAt, readyAfter, leaderAfter, startAfter };
}

/** How many fire times of the full store's time each job has recorded as missed. */
async function misfires(trial: Trial, { fullAt, roomAt }: Seen): Promise<Record<string, number>> {
  const cases = await trial.cases(roomAt);
  return Object.fromEntries(
    cases.map((job) => [job.id, [...accountFor(job).missed].filter((time) => time > fullAt).length]),
  );
}

function whileFull({ calls, helpful, memory, live, ready }: Seen): Check[] {
  const told = ready.health.reasons.map(({ code }) => code);
  return [
    check(
      "every call that writes is refused as REDIS_FULL",
      calls.every(({ came }) => came === "REDIS_FULL"),
      calls,
    ),
    check(
      "what helps out of it is taken",
      helpful.every(({ came }) => came === "done"),
      helpful,
    ),
    check("doctor calls it an error", memory?.level === "error", memory?.message),
    check(
      "node --health is red, with the reason",
      ready.status === 503 && told.includes("REDIS_OUT_OF_MEMORY"),
      told,
    ),
    check("and live: a restart would not help", live.status === 200, live.status),
  ];
}

function withRoom(trial: Trial, seen: Seen, held: readonly string[]): Check[] {
  const { readyAfter, leaderAfter, startAfter, fullAt, roomAt } = seen;
  const inside = trial.facts("start").filter(({ at }) => at > fullAt + 1000 && at < roomAt);
  const outcomes = held.map((id) =>
    trial.facts("accepted").flatMap(({ run, attempt, outcome, at }) => {
      return run === id ? [`${attempt} ${outcome}${at < roomAt ? " too early" : ""}`] : [];
    }),
  );
  const dead = trial.facts("event").filter(({ event }) => event === "nodeDead" || event === "lost");
  return [
    check("nothing started in the full store", inside.length === 0, inside.length),
    check(
      "what ran when it became full ended with its first attempt, once there was room",
      outcomes.every((each) => each.join() === "1 succeeded"),
      outcomes,
    ),
    check("no node was given up", dead.length === 0, dead),
    check(`all goes on within ${back / 1000} s`, Math.max(readyAfter, leaderAfter, startAfter) <= back, {
      readyAfter,
      leaderAfter,
      startAfter,
    }),
  ];
}

function halfway(halves: readonly Halfway[]): Check[] {
  const writes = halves.filter(({ call }) => call !== "apply with prune");
  const removal = halves.find(({ call }) => call === "apply with prune");
  return [
    check(
      "memory that runs out in the middle of many writes: a typed error, each item whole or not there, and the same call again does the rest",
      writes.every((one) => {
        return (
          one.came === "PARTLY_WRITTEN" &&
          one.written > 0 &&
          one.written < one.of &&
          one.torn === 0 &&
          one.again === one.of
        );
      }),
      writes,
    ),
    check("many jobs are removed in a full store", removal?.came === "done" && removal.again === 0, removal),
  ];
}
