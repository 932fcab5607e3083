import fc from "fast-check";
import { expect, test } from "vitest";
import { MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { Evidence } from "../../evidence/evidence.js";
import { judgeHistory } from "./judge-history.js";

/** How one fire time goes: how late it is claimed, on which node, how long it takes, how often it fails first; whether its node dies, or it is skipped. */
const fate = fc.record({
  late: fc.integer({ min: 0, max: 300 }),
  node: fc.constantFrom("n1", "n2"),
  takes: fc.integer({ min: 1, max: 150 }),
  failures: fc.integer({ min: 0, max: 2 }),
  becomes: fc.constantFrom("run", "run", "run", "lost", "skipped"),
});
type Fate = typeof fate extends fc.Arbitrary<infer F> ? F : never;

/** Any history in which all is as it should be; its first job's first fire time runs at once. */
const valid: fc.Arbitrary<Evidence[]> = fc
  .array(fc.array(fate, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 })
  .map((jobs) => {
    const history = new MadeUp().define(
      -500,
      ...jobs.map((_, index) => secondly(`job-${index}`, { overlap: "skip", retry: { attempts: 3 } })),
    );
    const until = Math.max(...jobs.map(({ length }) => length));
    jobs.forEach((fates, index) => {
      for (let second = 0; second <= until; second += 1)
        happen(history, index, second, second === 0 ? undefined : fates[second - 1]);
    });
    return history.heal(until * 1000 + 950).evidence;
  });

function happen(history: MadeUp, job: number, second: number, what?: Fate): void {
  const run = runAt(`job-${job}`, second * 1000);
  const { late = 5, node = "n1", takes = 10, failures = 0, becomes = "run" } = what ?? {};
  let at = second * 1000 + late;
  if (becomes === "skipped") {
    // Another run of its job is under way: one that was asked for by hand.
    const by = `${runAt(`job-${job}`, second * 1000)}-hand`;
    history.ask(at - 20, { do: "run-now", job: `job-${job}` }, { end: "acknowledged", answer: by });
    history.attempt({ run: by, at, takes: 50, node }, job).ended(at + 20, run, "k", "overlap");
    return;
  }
  let attempt = 1;
  if (becomes === "lost") {
    const dying = `n-${job}-${second}`;
    const first = { run, at, node: dying };
    history.attempt({ ...first, ends: "never" }, job).tell(at + 20, `nodeDead ${nodeOf(dying)}`);
    history.tell(at + 30, lostLine(history, run, at, dying, job));
    [attempt, at] = [2, at + 40];
  }
  for (let left = failures; left > 0; left -= 1) {
    history.attempt({ run, attempt, at, takes, node, ends: "again", wait: 50 }, job);
    [attempt, at] = [attempt + 1, at + takes + 50];
  }
  history.attempt({ run, attempt, at, takes, node }, job);
}

function lostLine(history: MadeUp, run: string, at: number, node: string, more: number): string {
  const time = run.slice(run.indexOf("@") + 1);
  return `again ${run} ${time} 0 0 l 1 ${history.token(at, more)} ${nodeOf(node)} 0`;
}

type Tampering = (evidence: readonly Evidence[], pick: number) => Evidence[];

/** Changes one of those lines that fit; nothing where none does. */
function changes(fits: (line: Evidence) => boolean, to: (line: Evidence) => Evidence[]): Tampering {
  return (evidence, pick) => {
    const some = evidence.flatMap((line, index) => (fits(line) ? [index] : []));
    const chosen = some[pick % some.length];
    return evidence.flatMap((line, index) => (index === chosen ? to(line) : [line]));
  };
}

const tells =
  (word: string) =>
  (line: Evidence): boolean =>
    line.kind === "told" && (line.lines[0] ?? "").startsWith(word);
const retold = (line: Evidence, change: (words: string[]) => string[], t = 0): Evidence =>
  line.kind !== "told"
    ? line
    : { ...line, t: line.t + t, lines: line.lines.map((one) => change(one.split(" ")).join(" ")) };
const skips = (line: Evidence): boolean =>
  line.kind === "told" && line.lines.some((one) => / k 0 /.test(one));
const drop = (): Evidence[] => [];
const is =
  (kind: Evidence["kind"]) =>
  (line: Evidence): boolean =>
    line.kind === kind;
const runOf = (line: Evidence): string =>
  "run" in line ? line.run : line.kind === "told" ? (line.lines[0]?.split(" ")[1] ?? "") : "";

const tamperings: Readonly<Record<string, readonly [finds: string, tampering: Tampering]>> = {
  "a run of which there is no trace": [
    "missed",
    (all, pick) => {
      const runs = [...new Set(all.filter(is("accepted")).map(runOf))];
      return all.filter((line) => runOf(line) !== runs[pick % runs.length]);
    },
  ],
  "a start that is witnessed twice": [
    "duplicate",
    changes(is("start"), (line) => [line, { ...line, node: "n9" }]),
  ],
  "a start under another token": [
    "unclaimed-start",
    changes(is("start"), (line) => [{ ...line, token: "1" } as Evidence]),
  ],
  "a claim of which nothing was told": ["unclaimed-start", changes(tells("started"), drop)],
  "a claim a second before its time": [
    "early",
    changes(tells("started"), (line) => [retold(line, (words) => words, -2000)]),
  ],
  "a token that is lower than one before": [
    "token-order",
    (all, pick) => {
      const claims = all.filter(tells("started"));
      const chosen = claims[1 + (pick % Math.max(1, claims.length - 1))];
      return all.map((line) => (line === chosen ? retold(line, (words) => words.with(3, "1")) : line));
    },
  ],
  "an attempt with the next one's number": [
    "attempt-order",
    changes(tells("started"), (line) => [
      retold(line, (words) => words.with(2, String(Number(words[2]) + 1))),
    ]),
  ],
  "an outcome that was not recorded": [
    "late-accepted",
    changes((line) => tells("ended")(line) && !skips(line), drop),
  ],
  "an outcome that is another one": [
    "late-accepted",
    changes(is("accepted"), (line) => [{ ...line, outcome: "cancelled" } as Evidence]),
  ],
  "an outcome without its start": [
    "outcome-without-start",
    changes((line) => is("start")(line) && !/^n-/.test(line.node), drop),
  ],
  "a success without its end": ["outcome-without-end", changes(is("end"), drop)],
  "an end that is recorded twice": ["ended-twice", changes(tells("ended"), (line) => [line, line])],
};

test("any history that is as it should be breaks no rule", () => {
  fc.assert(
    fc.property(valid, (evidence) => {
      expect(judgeHistory(evidence).byRule).toEqual({});
    }),
    { numRuns: 40 },
  );
});

test.each(Object.entries(tamperings))("in any history, %s is found", (_, [rule, tampering]) => {
  fc.assert(
    fc.property(valid, fc.nat(1000), (evidence, pick) => {
      const tampered = tampering(evidence, pick);
      fc.pre(JSON.stringify(tampered) !== JSON.stringify(evidence));
      expect(Object.keys(judgeHistory(tampered).byRule)).toContain(rule);
    }),
    { numRuns: 15 },
  );
});
