import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type RedisServer, startRedis, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Connection, connect } from "./connection.js";
import { clockLua } from "./internal.js";
import { defineScript, runPipeline, type Script } from "./script.js";

let server: RedisServer;
let connection: Connection;
let key: string;
const folder = mkdtempSync(join(tmpdir(), "escapement-script-"));

beforeAll(async () => {
  server = await startRedis();
  connection = connect(server.url, { profile: "commands" });
});
afterAll(async () => {
  connection.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  key = uniqueNamespace("script");
});

function lua(name: string, text: string): URL {
  const file = join(folder, `${name}.lua`);
  writeFileSync(file, text);
  return pathToFileURL(file);
}

const add: Script<"total", "by", never, number> = defineScript<number>()({
  name: "add",
  version: 1,
  keys: ["total"],
  args: ["by"],
  file: lua("add", "return redis.call('INCRBY', key.total, arg.by)"),
});

describe("a script", () => {
  it("finds its keys and arguments by name", async () => {
    expect(await add.run(connection, { keys: { total: key }, args: { by: 5 } })).toBe(5);
    expect(await add.run(connection, { keys: { total: key }, args: { by: 2n } })).toBe(7);
  });

  it("goes through lists of items of several fields, also empty ones, in whatever order", async () => {
    const script = defineScript<string[]>()({
      name: "lists",
      version: 1,
      keys: [],
      args: ["last"],
      lists: { pairs: ["id", "at"], ids: ["id"], none: ["a", "b", "c"] },
      file: lua(
        "lists",
        `local all = {}
         for id, at in each(list.pairs) do all[#all + 1] = id .. '=' .. at end
         for id in each(list.ids) do all[#all + 1] = id end
         for a in each(list.none) do all[#all + 1] = 'never' end
         all[#all + 1] = list.none.count .. arg.last
         return all`,
      ),
    });
    const lists = { pairs: ["a", 1, "b", 2], ids: ["x", "y"], none: [] };
    expect(await script.run(connection, { keys: {}, args: { last: "!" }, lists })).toEqual([
      "a=1",
      "b=2",
      "x",
      "y",
      "0!",
    ]);
    const broken = { ...lists, pairs: ["a"] };
    expect(() => script.flatten({ keys: {}, args: { last: "" }, lists: broken })).toThrow(
      /items of 2 values/,
    );
  });

  it("takes thousands of list items", async () => {
    const script = defineScript<number>()({
      name: "sum",
      version: 1,
      keys: [],
      args: [],
      lists: { numbers: ["n"] },
      file: lua("sum", "local sum = 0 for n in each(list.numbers) do sum = sum + n end return sum"),
    });
    const numbers = Array.from({ length: 5000 }, (_, index) => index);
    expect(await script.run(connection, { keys: {}, args: {}, lists: { numbers } })).toBe(12_497_500);
  });

  it("keeps binary and awkward values as they are", async () => {
    const script = defineScript<string>()({
      name: "echo",
      version: 1,
      keys: ["k"],
      args: ["text"],
      file: lua("echo", "redis.call('SET', key.k, arg.text) return arg.text"),
    });
    const text = '"]]--\u0000\n%s é 🕰';
    expect(await script.run(connection, { keys: { k: key }, args: { text } })).toBe(text);
    const bytes = Buffer.from([0, 255, 128, 10]);
    await script.run(connection, { keys: { k: key }, args: { text: bytes } });
    expect(await connection.client.getBuffer(key)).toEqual(bytes);
  });

  it("refuses with a code and a message of its own", async () => {
    const script = defineScript<never>()({
      name: "no",
      version: 1,
      keys: [],
      args: [],
      file: lua("no", "return refuse('JOB_NOT_FOUND', 'There is no such job. Define it first.')"),
    });
    await expect(script.run(connection, { keys: {}, args: {} })).rejects.toMatchObject({
      name: "EscapementError",
      code: "JOB_NOT_FOUND",
      message: "There is no such job. Define it first.",
    });
  });

  it("cannot have inputs whose names Lua would not take", () => {
    expect(() =>
      defineScript()({ name: "bad", version: 1, keys: ["a b"], args: [], file: lua("bad", "return 1") }),
    ).toThrow(/cannot name/);
  });

  it("names its version in its text, so that another version is another script", () => {
    expect(add.source).toMatch(/^-- add v1\n/);
  });

  it("I7: is sent again after SCRIPT FLUSH and after a restart", async () => {
    await add.run(connection, { keys: { total: key }, args: { by: 1 } });
    await connection.client.script("FLUSH");
    expect(await add.run(connection, { keys: { total: key }, args: { by: 1 } })).toBe(2);

    await using own = await startRedis();
    const other = connect(own.url, { profile: "commands" });
    await add.run(other, { keys: { total: key }, args: { by: 1 } });
    await own.restart();
    await other.ready();
    expect(await add.run(other, { keys: { total: key }, args: { by: 1 } })).toBe(1);
    other.close();
  });

  it("I7: is sent again within pipelines, each once", async () => {
    await connection.client.script("FLUSH");
    const [keys, values] = add.flatten({ keys: { total: key }, args: { by: 1 } });
    const calls = Array.from({ length: 3 }, () => ({ script: add, keys, values }));
    expect(await runPipeline(connection, calls)).toEqual([1, 2, 3]);
    expect(await runPipeline(connection, calls)).toEqual([4, 5, 6]);
  });
});

describe("clock.lua", () => {
  it("S5, T5: is Redis' time and never goes back", async () => {
    const tell = defineScript<string>()({
      name: "tell",
      version: 1,
      keys: ["clock"],
      args: [],
      include: [clockLua],
      file: lua("tell", "return int(clock())"),
    });
    const keys = { clock: key };
    const first = Number(await tell.run(connection, { keys, args: {} }));
    expect(Math.abs(first - Date.now())).toBeLessThan(5000);
    const ahead = first + 3_600_000;
    await connection.client.set(key, String(ahead));
    expect(Number(await tell.run(connection, { keys, args: {} }))).toBe(ahead);
  });
});
