import { every, once } from "@escapement/triggers";
import { latenessOf } from "../checker/lateness.js";
import type { Evidence } from "../evidence/evidence.js";
import { found } from "../found.js";
import type { ChaosNode } from "../nodes/chaos-node.js";
import { Trial } from "../trial.js";
import { secondly } from "../workload/secondly.js";
import { type Check, check, type Scenario, type ScenarioReport } from "./scenario.js";

const duration = 30_000;
const freeze = 12_000; // longer than the lease of a node, 10 s by default

/** SIGKILL of the leader, and SIGSTOP of another node for longer than its lease while it runs a long handler. */
export const leaderDeath: Scenario = {
  name: "leader-death",
  about: "SIGKILL of the leader, SIGSTOP of another node for longer than its lease, SIGCONT",
  async run(): Promise<ScenarioReport> {
    await using trial = await Trial.start({ nodes: 3 });
    const begin = Date.now();
    await trial.define("tick", [
      ...secondly(40),
      ...[1, 2, 3, 4].map((n) => ({ id: `skip-${n}`, trigger: every("1s"), input: { work: 100 } })),
    ]);
    await trial.define("long", [
      { id: "long", trigger: every("2s"), input: { work: 4000 }, overlap: "allow" },
      ...[1, 2, 3, 4, 5, 6].map((n) => ({
        id: `longer-${n}`,
        trigger: once(new Date(begin + 6500 + 150 * n)), // one by one, so that several nodes get some
        input: { work: 14_000 },
      })),
    ]);
    await trial.started(begin + 8000);
    const leader = await trial.leader();
    const killedAt = await trial.fault("kill", leader.name, () => leader.kill());
    const { victim, held } = await found(() => busyNode(trial), 10_000);
    await trial.fault("freeze", victim.name, () => victim.freeze());
    await trial.lasts(freeze);
    await trial.fault("thaw", victim.name, () => victim.thaw());
    await trial.started(begin + duration);
    const verdict = await trial.verdict(begin + duration);
    const evidence = trial.evidence.read();
    return {
      verdict,
      lateness: latenessOf(evidence),
      faults: trial.faults,
      checks: [
        check("every fire time came to its end", verdict.open.length === 0, verdict.open),
        ...thawed(evidence, victim.name, held),
        check(
          "another leader was elected",
          new Set(trial.facts("elected").map(({ node }) => node)).size > 1,
          {
            terms: trial.facts("elected").map(({ node, epoch }) => `${node} ${epoch}`),
          },
        ),
        ...timing(evidence, begin, killedAt),
      ],
    };
  },
};

type Start = Extract<Evidence, { kind: "start" }>;

/** The node that holds the most handlers with most of their time before them, so that the freeze surely comes before their end. */
function busyNode(trial: Trial): { victim: ChaosNode; held: Start[] } | undefined {
  const now = Date.now();
  const [busiest] = [...trial.nodes.values()]
    .filter(({ alive }) => alive)
    .map((victim) => {
      const recent = trial.running(victim.name).filter(({ at }) => now - at < 2000);
      return { victim, held: recent.filter(({ run }) => run.startsWith("long")) };
    })
    .sort((a, b) => b.held.length - a.held.length);
  return busiest !== undefined && busiest.held.length > 0 ? busiest : undefined;
}

function thawed(evidence: readonly Evidence[], victim: string, held: readonly Start[]): Check[] {
  const said = held.map(({ run, token }) => {
    const own = evidence.filter((line) => "token" in line && line.token === token);
    const again = evidence.find((line) => line.kind === "start" && line.run === run && line.attempt === 2);
    return {
      run,
      heard: own.map(({ kind }) => kind),
      again: again?.node,
    };
  });
  return [
    check(
      `the outcomes of ${victim} that came too late were refused, none accepted`,
      said.every(({ heard }) => heard.includes("refused") && !heard.includes("accepted")),
      said,
    ),
    check(
      "what it held started again elsewhere",
      said.every(({ again }) => again !== undefined && again !== victim),
      said.length,
    ),
  ];
}

function timing(evidence: readonly Evidence[], begin: number, killedAt: number): Check[] {
  const steady = latenessOf(evidence, begin + 2000, killedAt);
  const after = latenessOf(evidence, killedAt, killedAt + 10_000);
  const seen = { steady, after };
  return [
    {
      says: "p99 over the leader's death is within 3 times the steady one",
      holds: after.p99 <= 3 * steady.p99,
      seen,
      timing: true,
    },
    { says: "and under 100 ms", holds: after.p99 < 100, seen: after.p99, timing: true },
  ];
}
