import { describe, expect, test } from "vitest";
import { eventually } from "./index.js";

describe("eventually", () => {
  test("returns the first truthy value", async () => {
    let looks = 0;
    expect(await eventually(() => (++looks === 3 ? "there" : null), { every: 1 })).toBe("there");
    expect(looks).toBe(3);
  });

  test("passes when an assertion no longer throws", async () => {
    let looks = 0;
    await eventually(() => expect(++looks).toBe(3), { every: 1 });
    await eventually(
      async () => {
        expect(++looks).toBe(6);
      },
      { every: 1 },
    );
  });

  test("tells at the deadline what the check said last", async () => {
    const last = new Error("still 2 nodes");
    const waiting = eventually(() => Promise.reject(last), { within: 30, every: 5 });
    await expect(waiting).rejects.toMatchObject({ code: "DEADLINE", cause: last });
    await expect(waiting).rejects.toThrow(/within 30 ms .*still 2 nodes/);
  });

  test("gives up a check that never ends", async () => {
    const hangs = eventually(() => new Promise<boolean>(() => {}), { within: 30 });
    await expect(hangs).rejects.toThrow("the check never ended");
  });

  test("ends at once with the reason of an aborted signal, also within a check that hangs", async () => {
    const gone = new Error("gone");
    const abort = new AbortController();
    const waiting = eventually(() => new Promise<boolean>(() => {}), { signal: abort.signal });
    abort.abort(gone);
    await expect(waiting).rejects.toBe(gone);
    await expect(eventually(() => true, { signal: abort.signal })).rejects.toBe(gone);
  });

  test("does not compile with a check whose undefined could mean not found", () => {
    const found: string[] = [];
    // @ts-expect-error find() returns undefined for "not found", which would count as success
    const unused = (): Promise<unknown> => eventually(() => found.find(() => true));
    expect(unused).toBeTypeOf("function");
  });
});
