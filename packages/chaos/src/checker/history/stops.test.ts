import { describe, expect, test } from "vitest";
import { dawn, MadeUp } from "../../../test/made-up.js";

/** n1's process, started at `since`, is told SIGTERM at 1000, and ends in some way after so many ms. */
function stopped(took: number, exit = "exit code 0", since = -950): MadeUp {
  const asked = { since: dawn + since, asked: dawn + 1000 };
  return new MadeUp().add(9000, { kind: "stopped", process: "n1", ...asked, took, exit });
}

describe("a process that is told to end", () => {
  test("ends by itself, in good order and in time", () => {
    expect(stopped(9000).broken).toEqual([]);
    expect(stopped(18_000).broken).toEqual(["stop"]);
    expect(stopped(20_010, "SIGKILL").broken).toEqual(["stop"]);
    expect(stopped(500, "exit code 1").broken).toEqual(["stop"]);
    expect(stopped(500, "SIGSEGV").broken).toEqual(["stop"]);
  });

  test("ends by the signal only if its program had not begun", () => {
    expect(stopped(5, "SIGTERM").broken).toEqual(["stop"]);
    expect(stopped(5, "SIGTERM", 900).broken).toEqual([]);
    expect(stopped(5, "SIGKILL", 900).broken).toEqual(["stop"]);
  });

  test("need not if something else befell it meanwhile, and it is no excuse that another node was hit, or nothing", () => {
    const beside = (fault: string, target: string, from: number, proof = "hit"): string[] =>
      stopped(20_010, "SIGKILL").add(9001, {
        ...{ kind: "fault", fault, target, proof },
        ...{ from: dawn + from, until: dawn + from + 500 },
      }).broken;
    expect(beside("redis-freeze", "store-0", 4000)).toEqual([]);
    expect(beside("redis-freeze", "store-0", 4000, "")).toEqual(["stop"]);
    expect(beside("redis-freeze", "store-0", 22_000)).toEqual(["stop"]);
    expect(beside("cut", "n1", 4000)).toEqual([]);
    expect(beside("cut", "n2", 4000)).toEqual(["stop"]);
    expect(beside("leader-freeze", "leader", 4000, "process 7 (n1) stood still")).toEqual([]);
    expect(beside("leader-freeze", "leader", 4000, "process 8 (n2) stood still")).toEqual(["stop"]);
    expect(beside("node-restart", "n1", 1000)).toEqual(["stop"]);
    expect(beside("script-flush", "store-0", 4000)).toEqual(["stop"]);
  });
});
