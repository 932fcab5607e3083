import { expect, test } from "vitest";
import { dawn, MadeUp, nodeOf } from "../../../test/made-up.js";
import type { TrialFact } from "../../evidence/evidence.js";

const losing = { topology: "everysec", keepsWrites: false } as const;
const enqueue = { do: "enqueue", task: "tick", runs: [{ id: "run-1" }, { id: "run-2" }] } as const;

/** Two attempts a second apart, of which the store has lost the first; the second has a token so many ms from its time. */
function after(token: string, trial: Partial<TrialFact> = losing, run = "run-2"): MadeUp {
  const history = new MadeUp(trial).ask(0, enqueue).attempt({ run: "run-1", at: 1000 });
  const lost = history.evidence.flatMap((line) => (line.kind === "told" ? [line.entry] : []));
  const fact = { run, attempt: 1, token };
  return history
    .add(1500, { kind: "unkept", entries: lost }, "watcher")
    .tell(2000, `started ${run} 1 ${token} ${nodeOf("n2")}`)
    .add(2001, { kind: "claimed", ...fact, claimedAt: dawn + 2000 }, "n2")
    .add(2002, { kind: "start", ...fact, scheduledAt: dawn + 2000 }, "n2");
}

const tokens = (history: MadeUp): string[] => history.broken.filter((rule) => rule === "token-order");

test("tokens rise also after the store has lost the last ones", () => {
  const made = new MadeUp();
  expect(tokens(after(made.token(2000)))).toEqual([]);
  expect(tokens(after(made.token(1000)))).toEqual(["token-order"]);
  expect(tokens(after(made.token(999)))).toEqual(["token-order"]);
  // Nor is it the same one for the same attempt, that is given out anew.
  expect(tokens(after(made.token(1000), losing, "run-1"))).toEqual(["token-order"]);
});

test("but where somebody moved Redis' clock as well, nothing is known", () => {
  const moved = after(new MadeUp().token(999)).moveClock(2500, 3000, -500);
  expect(tokens(moved)).toEqual([]);
});

test("a handler begins with the token of its own attempt", () => {
  const token = new MadeUp().token(1000);
  const start = { kind: "start", run: "run-2", attempt: 1, token, scheduledAt: dawn } as const;
  const history = new MadeUp(losing).ask(0, enqueue).attempt({ run: "run-1", at: 1000 });
  expect(tokens(history)).toEqual([]);
  expect(tokens(history.add(1100, start, "n2"))).toEqual(["token-order"]);
});
