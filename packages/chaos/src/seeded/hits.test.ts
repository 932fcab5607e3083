import { expect, test } from "vitest";
import type { InjectedFault } from "../faults/inject.js";
import { countHits, nothingHit } from "./hits.js";

const fault = (kind: string, proof: string): InjectedFault => ({
  ...{ kind, target: "n1", at: 0, until: 1 },
  ...{ proof, begun: proof !== "" },
});

test("only faults that hit count, and a trial in which none did is not valid, and says why", () => {
  const some = countHits([fault("node-kill", "gone"), fault("node-kill", ""), fault("cut", "lost 3 bytes")]);
  expect(some).toMatchObject({ total: 2, withoutEffect: 1, byKind: { "node-kill": 1, cut: 1 } });
  expect(nothingHit(some)).toEqual([]);
  const none = nothingHit(countHits([fault("node-restart", ""), fault("node-restart", "")]));
  expect(none).toMatchObject([{ rule: "no-fault-hit" }]);
  expect(none[0]?.message).toContain("None of 2 faults hit (node-restart)");
  expect(nothingHit(countHits([]))).toMatchObject([{ rule: "no-fault-hit" }]);
});
