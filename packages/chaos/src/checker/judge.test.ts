import { describe, expect, test } from "vitest";
import type { Evidence, Fact } from "../evidence/evidence.js";
import type { Case, JobCase, Outcome } from "./case.js";
import { judge, tell } from "./judge.js";

const at = (second: number): number => 1_000_000_000_000 + second * 1000;
const run = (second: number): string => `job@${at(second)}`;
let mono = 0;

function line(fact: Fact, wall = at(10), node = "n1"): Evidence {
  mono += 1;
  return { node, mono, at: wall, ...fact };
}

/** An attempt as it should be seen: claimed, started, ended, its outcome accepted. */
function attempt(second: number, token: number, number = 1, node = "n1"): Evidence[] {
  const fact = { run: run(second), attempt: number, token: String(token) };
  const wall = at(second) + 5;
  return [
    line({ kind: "claimed", ...fact, claimedAt: wall }, wall, node),
    line({ kind: "start", ...fact, scheduledAt: at(second) }, wall, node),
    line({ kind: "end", ...fact }, wall, node),
    line({ kind: "accepted", ...fact, outcome: "succeeded" }, wall, node),
  ];
}

type Past = Outcome["attempts"][number];

function past(number: number, token: number, state: Past["state"], from: number, to: number): Past {
  const times = { startedAt: new Date(at(from)), finishedAt: new Date(at(to)) };
  return {
    attempt: number,
    state,
    node: "id",
    fencingToken: BigInt(token),
    error: undefined,
    reason: undefined,
    ...times,
  };
}

function outcome(second: number, state: Outcome["state"], more: Partial<Outcome> = {}): Outcome {
  return {
    id: run(second),
    state,
    scheduledAt: new Date(at(second)),
    attempts: [],
    reason: undefined,
    count: 1,
    ...more,
  };
}

function succeeded(second: number, token: number): Outcome {
  return outcome(second, "succeeded", { attempts: [past(1, token, "succeeded", second, second + 0.5)] });
}

function caseOf(evidence: Evidence[], job: Partial<JobCase> = {}): Case {
  const fireTimes = [at(1), at(2), at(3)];
  const history = [succeeded(1, 1), succeeded(2, 2), succeeded(3, 3)];
  return { evidence, jobs: [{ id: "job", fireTimes, overlap: "allow", history, ...job }] };
}

const good = (): Evidence[] => [...attempt(1, 1), ...attempt(2, 2), ...attempt(3, 3)];
const rulesOf = (facts: Case): string[] => judge(facts).violations.map(({ rule }) => rule);

describe("evidence without fault", () => {
  test("is valid, and counted", () => {
    const { valid, expected, runs, starts, missed, duplicates } = judge(caseOf(good()));
    expect({ valid, expected, runs, starts, missed, duplicates }).toEqual({
      valid: true,
      expected: 3,
      runs: 3,
      starts: 3,
      missed: 0,
      duplicates: 0,
    });
  });

  test("a fire time that was skipped or missed for a recorded reason need not start", () => {
    const history = [
      succeeded(1, 1),
      outcome(2, "skipped", { reason: "overlap" }),
      outcome(3, "missed", { reason: "misfire" }),
    ];
    const verdict = judge(caseOf(attempt(1, 1), { history }));
    expect(verdict.violations).toEqual([]);
    expect(verdict.reasons).toEqual({ "missed: misfire": 1, "skipped: overlap": 1 });
  });

  test("one entry stands for several missed fire times, but not for one that ran among them", () => {
    const fireTimes = [at(1), at(2), at(3), at(4)];
    const history = [outcome(1, "missed", { count: 3 }), succeeded(3, 1)];
    expect(judge(caseOf(attempt(3, 1), { fireTimes, history })).violations).toEqual([]);
    const short = [outcome(1, "missed", { count: 2 }), succeeded(3, 1)];
    expect(rulesOf(caseOf(attempt(3, 1), { fireTimes, history: short }))).toEqual(["missed"]);
  });

  test("a lost attempt may be followed by another one", () => {
    const history = [
      outcome(1, "succeeded", { attempts: [past(1, 1, "lost", 1, 5), past(2, 4, "succeeded", 5, 6)] }),
      succeeded(2, 2),
      succeeded(3, 3),
    ];
    const first = attempt(1, 1).slice(0, 3);
    const second = attempt(1, 4, 2, "n2").map((fact) =>
      fact.kind === "claimed" ? { ...fact, claimedAt: at(5) } : fact,
    );
    const verdict = judge(caseOf([...first, ...attempt(2, 2), ...attempt(3, 3), ...second], { history }));
    expect(verdict.violations).toEqual([]);
    expect(verdict.retried).toBe(1);
  });

  test("an attempt whose node died between claim and start is no missed fire time", () => {
    const history = [
      outcome(1, "lost", { attempts: [past(1, 1, "lost", 1, 5)] }),
      succeeded(2, 2),
      succeeded(3, 3),
    ];
    expect(rulesOf(caseOf([...attempt(2, 2), ...attempt(3, 3)], { history }))).toEqual([]);
  });
});

describe("each violation is named", () => {
  test("missed: a fire time without a start or a reason", () => {
    const history = [succeeded(1, 1), succeeded(3, 3)];
    const verdict = judge(caseOf([...attempt(1, 1), ...attempt(3, 3)], { history }));
    expect(verdict).toMatchObject({ valid: false, missed: 1, duplicates: 0 });
    expect(verdict.violations[0]?.message).toContain(String(at(2)));
  });

  test("missed: an outcome in the history that no start accounts for", () => {
    expect(rulesOf(caseOf([...attempt(1, 1), ...attempt(3, 3)]))).toEqual(["missed"]);
  });

  test("duplicate: an attempt that started on two nodes, with its whole story", () => {
    const again = attempt(2, 4, 1, "n2").filter(({ kind }) => kind === "start");
    const verdict = judge(caseOf([...good(), ...again]));
    expect(verdict).toMatchObject({ valid: false, missed: 0, duplicates: 1 });
    const [first] = verdict.violations;
    expect(first?.message).toBe(`Attempt ${run(2)}#1 started 2 times, on n1 and n2.`);
    expect(first?.story).toHaveLength(6);
    expect(first && tell(first)).toContain("history");
  });

  test("never-due: a start at an instant at which the job does not fire", () => {
    expect(rulesOf(caseOf([...good(), ...attempt(2.5, 4).slice(1, 2)]))).toEqual(["never-due"]);
  });

  test("early: a start before its fire time, by the machine's clock, and to the millisecond by Redis'", () => {
    const begun = (ms: number): Evidence[] =>
      good().map((fact) =>
        fact.kind === "start" && fact.run === run(2) ? { ...fact, at: at(2) - ms } : fact,
      );
    expect(rulesOf(caseOf(begun(6)))).toEqual(["early"]);
    expect(rulesOf(caseOf(begun(1)))).toEqual([]); // clocks of processes drift apart
    const given = good().map((fact) =>
      fact.kind === "claimed" && fact.run === run(2) ? { ...fact, claimedAt: at(2) - 1 } : fact,
    );
    expect(rulesOf(caseOf(given))).toEqual(["early"]);
  });

  test("needless-attempt: a second attempt although the first was not lost", () => {
    expect(rulesOf(caseOf([...good(), ...attempt(3, 4, 2).slice(1, 2)]))).toEqual(["needless-attempt"]);
  });

  test("token-order: a second attempt with a token that is not higher", () => {
    const history = [
      succeeded(1, 1),
      succeeded(2, 2),
      outcome(3, "succeeded", { attempts: [past(1, 3, "lost", 3, 4), past(2, 0, "succeeded", 4, 5)] }),
    ];
    const first = attempt(3, 3).slice(0, 3);
    const second = attempt(3, 0, 2).filter(({ kind }) => kind === "start");
    expect(rulesOf(caseOf([...attempt(1, 1), ...attempt(2, 2), ...first, ...second], { history }))).toEqual([
      "token-order",
    ]);
  });

  test("token-order: a later claim with a lower token", () => {
    expect(rulesOf(caseOf([...attempt(1, 2), ...attempt(2, 1), ...attempt(3, 3)]))).toEqual(["token-order"]);
  });

  test("token-reused: one token for two attempts", () => {
    expect(rulesOf(caseOf([...attempt(1, 1), ...attempt(2, 1), ...attempt(3, 3)]))).toEqual(["token-reused"]);
  });

  test("late-accepted: the outcome of an attempt that was given up", () => {
    const history = [
      outcome(1, "lost", { attempts: [past(1, 1, "lost", 1, 5)] }),
      succeeded(2, 2),
      succeeded(3, 3),
    ];
    expect(rulesOf(caseOf(good(), { history }))).toEqual(["late-accepted"]);
  });

  test("accepted-twice: two outcomes of one run", () => {
    const again = attempt(1, 1).filter(({ kind }) => kind === "accepted");
    expect(rulesOf(caseOf([...good(), ...again]))).toEqual(["accepted-twice"]);
    const further = again.map((fact) => ({ ...fact, attempt: 2, token: "9" }) as Evidence);
    expect(rulesOf(caseOf([...good(), ...further]))).toEqual(["accepted-twice"]);
    const failedFirst = good().map((fact) =>
      fact.kind === "accepted" ? { ...fact, outcome: "failed" } : fact,
    );
    expect(rulesOf(caseOf([...failedFirst, ...further]))).toEqual([]);
  });

  test("ended-twice: two entries of one run in the history", () => {
    const history = [succeeded(1, 1), succeeded(2, 2), succeeded(3, 3), succeeded(3, 3)];
    expect(rulesOf(caseOf(good(), { history }))).toEqual(["ended-twice"]);
  });

  test("overlap: two runs at once of a job that allows one", () => {
    const long = outcome(1, "succeeded", { attempts: [past(1, 1, "succeeded", 1, 2.2)] });
    const history = [long, succeeded(2, 2), succeeded(3, 3)];
    expect(rulesOf(caseOf(good(), { history }))).toEqual([]);
    expect(rulesOf(caseOf(good(), { history, overlap: "skip" }))).toEqual(["overlap"]);
  });

  test("epoch-order: a term that is not above the one before", () => {
    const elected = [line({ kind: "elected", epoch: 1 }), line({ kind: "elected", epoch: 1 }, at(10), "n2")];
    expect(rulesOf(caseOf([...good(), ...elected]))).toEqual(["epoch-order"]);
  });
});

test("missed: an enqueued run that never started", () => {
  const ended = { ...succeeded(1, 1), id: "enqueued-1" };
  const start = line({ kind: "start", run: "enqueued-1", attempt: 1, token: "9", scheduledAt: at(1) });
  const enqueued = [{ id: "enqueued-1", outcome: ended }];
  expect(judge({ ...caseOf([...good(), start]), enqueued }).violations).toEqual([]);
  expect(rulesOf({ ...caseOf(good()), enqueued })).toEqual(["missed"]);
});

test("a store that was rolled back may repeat outcomes and terms, but no start and no token", () => {
  const facts = caseOf([
    ...good(),
    ...attempt(1, 4, 2),
    line({ kind: "elected", epoch: 2 }),
    line({ kind: "elected", epoch: 1 }),
  ]);
  const later = facts.evidence.map((fact) =>
    fact.kind === "claimed" && fact.token === "4" ? { ...fact, claimedAt: at(9) } : fact,
  );
  expect(rulesOf({ ...facts, evidence: later, storeRolledBack: true })).toEqual([]);
  const twice = [...later, ...attempt(2, 2).filter(({ kind }) => kind === "start")];
  expect(rulesOf({ ...facts, evidence: twice, storeRolledBack: true })).toEqual(["duplicate"]);
});
