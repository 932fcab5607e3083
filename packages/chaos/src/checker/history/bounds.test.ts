import { describe, expect, test } from "vitest";
import { MadeUp, secondly } from "../../../test/made-up.js";
import type { StoreDump } from "../../evidence/store-dump.js";

const text = (ttl?: number): StoreDump[string] => ({
  ...{ type: "string", size: 1, value: "1 0" },
  ...(ttl !== undefined && { ttl }),
});
const seen = (dump: StoreDump, history = new MadeUp()): string[] => history.store(900, "during", dump).broken;
const asks = (history: MadeUp, ms: number, after: number): MadeUp =>
  history.ask(ms, { do: "update", job: "job", changes: { priority: 1 } }, undefined, after);

describe("what is there for a time only", () => {
  test.each([
    ["leader", 5000],
    ["log:run-1", 86_400_000],
    ["lock:run-1#1", 1_800_000],
    ["history:job", 604_800_000],
    ["result:run-1", 604_800_000],
    ["results:~tick", 604_800_000],
    ["rate:queue:slow", 2000],
  ])("has a time to live, such as %s", (name, most) => {
    const history = (): MadeUp => new MadeUp({ rates: { "queue:slow": { max: 5, per: 1000 } } });
    expect(seen({ [name]: text(most) }, history())).toEqual([]);
    expect(seen({ [name]: text(most + 1) }, history())).toEqual(["lifetime"]);
    expect(seen({ [name]: text(-1) }, history())).toEqual(["lifetime"]);
    expect(seen({ [name]: text() }, history())).toEqual([]); // nobody looked
  });

  test("is what the layout says, and nothing else", () => {
    for (const name of ["events", "history:~tick", "dead-letters:mail", "finished"])
      expect(seen({ [name]: text(-1) })).toEqual([]);
  });
});

test("there are as many numbers of senders as calls were under way at once", () => {
  const callers = (count: number, ttl = 600_000): StoreDump =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`caller:abc-${index}`, text(ttl)]));
  const history = (): MadeUp =>
    asks(asks(new MadeUp().define(-500, secondly("job", { endAt: 1 })), 100, 10), 200, 50);
  expect(seen(callers(2), asks(history(), 220, 10))).toEqual([]);
  expect(seen(callers(2), history())).toEqual(["unbounded"]);
  expect(seen(callers(2000), asks(history(), 220, 10))).toEqual(["unbounded"]);
  expect(seen(callers(1, -1), history())).toEqual(["lifetime"]);
});

test("of a rate as many starts are remembered as may be in its period", () => {
  const job = secondly("job", { endAt: 1, concurrencyKey: "api", rateLimit: { max: 3, per: "2s" } });
  const remembers = (size: number): string[] =>
    seen({ "rate:key:api": { type: "list", size, ttl: 2000 } }, new MadeUp().define(-500, job));
  expect(remembers(3)).toEqual([]);
  expect(remembers(4)).toEqual(["unbounded"]);
});
