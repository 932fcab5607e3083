import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreBench } from "../../test/store-bench.js";
import { type Page, Part } from "./part.js";
import { putWhole } from "./whole.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** A partition that is being moved, and its keys. */
async function moving(bench: StoreBench, goOn: () => void = () => undefined): Promise<Part> {
  await bench.redis.hset(bench.store.keys.meta, "moving", "2 2 mover");
  return new Part(bench.store, "2 2 mover", goOn);
}
const list = (from: number, to: number): Page => ({
  type: "list",
  ttl: 60_000,
  offset: from,
  items: Array.from({ length: to - from }, (_, at) => [`${from + at}`]),
});
const texts = (to: number): string[] => Array.from({ length: to }, (_, at) => `${at}`);

describe("a key that is put whole", () => {
  test("is as it was until all of it is there, and has its time to live from then on", async () => {
    await using bench = await new StoreBench(server).ready();
    const { keys } = bench.store;
    const { redis } = bench;
    const [key, gathered] = [keys.history("job"), `${keys.prefix}moving:history:job`];
    await redis.rpush(key, "as", "it", "was");
    const seen: unknown[] = [];
    async function* pages(): AsyncGenerator<Page> {
      for (const page of [list(0, 2), list(2, 4), list(4, 5)]) {
        yield page;
        seen.push([await redis.lrange(key, 0, -1), await redis.llen(gathered)]);
      }
    }
    await putWhole(await moving(bench), "history:job", pages());
    const before = ["as", "it", "was"];
    expect(seen).toEqual([0, 2, 4].map((length) => [before, length]));
    expect(await redis.lrange(key, 0, -1)).toEqual(texts(5));
    expect(await redis.pttl(key)).toBeGreaterThan(50_000);
    expect(await redis.exists(gathered)).toBe(0);
    await putWhole(await moving(bench), "history:job", [list(0, 2)]);
    expect(await redis.lrange(key, 0, -1)).toEqual(texts(2));
    await putWhole(await moving(bench), "history:job", []);
    expect(await redis.llen(key)).toBe(2);
  });

  test("begins anew after a mover that died in it", async () => {
    await using bench = await new StoreBench(server).ready();
    let asked = 0;
    const dying = await moving(bench, () => {
      asked += 1;
      if (asked === 3) throw new Error("died");
    });
    const pages = [list(0, 2), list(2, 4), list(4, 5)];
    await expect(putWhole(dying, "history:job", pages)).rejects.toThrow("died");
    const key = bench.store.keys.history("job");
    expect(await bench.redis.exists(key)).toBe(0);
    await putWhole(await moving(bench), "history:job", pages);
    expect(await bench.redis.lrange(key, 0, -1)).toEqual(texts(5));
  });

  test("is named once, however often it is asked for, and not with items lost", async () => {
    await using bench = await new StoreBench(server).ready();
    const { keys } = bench.store;
    const part = await moving(bench);
    await part.put("moving:history:job", list(0, 3), { reset: true });
    const lost = { code: "NAMESPACE_MOVING", message: expect.stringMatching(/lost items/) };
    await expect(part.name("moving:history:job", "history:job", list(0, 0), 4)).rejects.toMatchObject(lost);
    for (let time = 0; time < 2; time += 1)
      await part.name("moving:history:job", "history:job", list(0, 0), 3);
    expect(await bench.redis.lrange(keys.history("job"), 0, -1)).toEqual(texts(3));
    await bench.redis.del(keys.history("job"));
    await expect(part.name("moving:history:job", "history:job", list(0, 0), 3)).rejects.toMatchObject(lost);
    await bench.redis.hset(keys.meta, "moving", "2 2 other");
    await expect(part.name("moving:history:job", "history:job", list(0, 0), 3)).rejects.toMatchObject({
      code: "NAMESPACE_MOVING",
      message: expect.stringMatching(/Another process/),
    });
  });

  test("may have members that its scan meets twice", async () => {
    await using bench = await new StoreBench(server).ready();
    const page = { type: "hash", ttl: -1 } as const;
    await putWhole(await moving(bench), "results:job", [
      {
        ...page,
        offset: 0,
        items: [
          ["a", "1"],
          ["b", "2"],
        ],
      },
      {
        ...page,
        offset: 2,
        items: [
          ["b", "2"],
          ["c", "3"],
        ],
      },
      { ...page, offset: 4, items: [["a", "1"]] },
    ]);
    const key = bench.store.keys.results("job");
    expect(await bench.redis.hgetall(key)).toEqual({ a: "1", b: "2", c: "3" });
    expect(await bench.redis.pttl(key)).toBe(-1);
  });
});
