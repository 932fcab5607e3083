import { expect, test } from "vitest";
import type { Evidence, Fact } from "../evidence/evidence.js";
import type { Case, Outcome } from "./case.js";
import { deadStayDead, leasesAreNotTaken, lossesHaveCause } from "./cause-rules.js";

const run = "job@1000000001000";
const fact = { run, attempt: 1, token: "7" };

function line(fact: Fact, at: number, node = "n1"): Evidence {
  return { node, mono: at, at, ...fact };
}

function lostBy(reason: string, evidence: Evidence[] = []): Case {
  const attempt = {
    attempt: 1,
    state: "lost" as const,
    node: "id",
    fencingToken: 7n,
    startedAt: new Date(0),
    finishedAt: new Date(1),
    error: undefined,
    reason,
  };
  const outcome: Outcome = {
    id: run,
    state: "lost",
    scheduledAt: new Date(1_000_000_001_000),
    attempts: [attempt],
    reason,
    count: 1,
  };
  const job = { id: "job", fireTimes: [1_000_000_001_000], overlap: "allow" as const, history: [outcome] };
  return { evidence, jobs: [job] };
}

const rulesOf = (found: readonly { readonly rule: string }[]): string[] => found.map(({ rule }) => rule);
const claimed = (at: number): Evidence => line({ kind: "claimed", ...fact, claimedAt: at }, at);
const dead = (id: string, at: number): Evidence =>
  line({ kind: "event", event: "nodeDead", details: { node: id } }, at, "n2");
const lost = (reason: string): Evidence =>
  line({ kind: "event", event: "leaderLost", details: { node: "id", epoch: 3, reason } }, 5);

test("an attempt is refused by a lock only if it was given to somebody before", () => {
  expect(rulesOf(lossesHaveCause(lostBy("lock")))).toEqual(["loss-without-cause"]);
  expect(lossesHaveCause(lostBy("lock", [claimed(5)]))).toEqual([]);
});

test("a node knows of all that it holds, unless the store has gone back", () => {
  expect(rulesOf(lossesHaveCause(lostBy("store-lost")))).toEqual(["loss-without-cause"]);
  expect(lossesHaveCause({ ...lostBy("store-lost"), storeRolledBack: true })).toEqual([]);
  expect(lossesHaveCause(lostBy("node-dead"))).toEqual([]);
});

test("a dead identity is given nothing; the same process under a new one is", () => {
  const up = (id: string, at: number): Evidence => line({ kind: "up", id }, at);
  const evidence = [up("old", 1), claimed(2), dead("old", 3)];
  expect(deadStayDead({ evidence, jobs: [] })).toEqual([]);
  expect(rulesOf(deadStayDead({ evidence: [...evidence, claimed(5)], jobs: [] }))).toEqual(["dead-goes-on"]);
  expect(deadStayDead({ evidence: [...evidence, up("new", 4), claimed(5)], jobs: [] })).toEqual([]);
});

test("a leader's lease may end or be given back; it is refused only if the store has gone back", () => {
  expect(rulesOf(leasesAreNotTaken({ evidence: [lost("refused")], jobs: [] }))).toEqual(["lease-taken"]);
  expect(leasesAreNotTaken({ evidence: [lost("expired"), lost("resigned")], jobs: [] })).toEqual([]);
  expect(leasesAreNotTaken({ evidence: [lost("refused")], jobs: [], storeRolledBack: true })).toEqual([]);
});
