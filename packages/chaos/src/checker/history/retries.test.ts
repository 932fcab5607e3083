import { describe, expect, test } from "vitest";
import { MadeUp, type MadeUpAttempt, nodeOf, runAt, secondly } from "../../../test/made-up.js";

const run = runAt("job", 0);
const retry = (attempts: number): MadeUp =>
  new MadeUp().define(-500, secondly("job", { timeout: 10, retry: { attempts } }));
/** So many attempts fail, one after the other, the last for good; or time out. */
function fails(history: MadeUp, times: number, own: Partial<MadeUpAttempt> = {}, first = 1): MadeUp {
  for (let attempt = first; attempt < first + times; attempt += 1) {
    const last = attempt === first + times - 1;
    history.attempt({ run, attempt, at: 100 * attempt, ends: last ? "f" : "again", ...own });
  }
  return history;
}

describe("a run that fails", () => {
  test("has as many attempts as its retry says, no fewer and no more", () => {
    expect(fails(retry(3), 3).broken).toEqual([]);
    expect(fails(retry(3), 1).broken).toEqual(["given-up"]);
    expect(fails(retry(3), 4).broken).toEqual(["needless-attempt"]);
    expect(fails(new MadeUp().define(-500, secondly("job")), 1).broken).toEqual([]);
    expect(fails(new MadeUp().define(-500, secondly("job")), 8).broken).toEqual(["needless-attempt"]);
  });

  test("has them where it times out too, and where it was enqueued", () => {
    const timedOut = (attempts: number): string[] =>
      retry(attempts).attempt({ run, at: 100, ends: "t" }).broken;
    expect(timedOut(1)).toEqual([]);
    expect(timedOut(2)).toEqual(["given-up"]);
    const enqueued = (attempts: number): string[] =>
      fails(
        new MadeUp().ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1", retry: { attempts } }] }),
        2,
        { run: "run-1" },
      ).broken;
    expect(enqueued(2)).toEqual([]);
    expect(enqueued(3)).toEqual(["given-up"]);
    expect(enqueued(1)).toEqual(["needless-attempt"]);
  });

  test("uses none of them up by being lost", () => {
    const lost = { run, at: 50, ends: "never" } as const;
    const history = (attempts: number): MadeUp =>
      retry(attempts)
        .attempt(lost)
        .tell(90, `nodeDead ${nodeOf("n1")}`)
        .lost(90, lost, true);
    expect(fails(history(2), 2, { node: "n2" }, 2).broken).toEqual([]);
    expect(fails(history(3), 2, { node: "n2" }, 2).broken).toEqual(["given-up"]);
  });

  test("goes by what was in force while it ran: either, if that was changed meanwhile; whatever befalls it if its job was removed", () => {
    const attempts = (ms: number, takes = 100): string[] =>
      retry(3)
        .ask(ms, { do: "update", job: "job", changes: { retry: { attempts: 1 } } })
        .attempt({ run, at: 500, takes, ends: "f" }).broken;
    expect(attempts(300)).toEqual([]);
    expect(attempts(550)).toEqual([]);
    expect(attempts(700)).toEqual(["given-up"]);
    const removed = retry(3).ask(300, { do: "remove", job: "job", cancelRunning: false });
    expect(removed.attempt({ run, at: 200, takes: 300, ends: "f" }).broken).toEqual([]);
  });
});
