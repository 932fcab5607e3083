import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startRedis, startVoters, uniqueNamespace } from "./index.js";
import { chooseWay } from "./redis-way.js";

const folders: string[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A folder with a program of that name in it. */
function folderWith(program: string): string {
  const folder = mkdtempSync(join(tmpdir(), "escapement-path-"));
  folders.push(folder);
  writeFileSync(join(folder, program), "");
  chmodSync(join(folder, program), 0o755);
  return folder;
}

describe("the way to a server", () => {
  test.each(["redis-server", "valkey-server"])("is a process where %s is on the PATH", (program) => {
    const folder = folderWith(program);
    expect(chooseWay({ PATH: `/nowhere:${folder}` })).toEqual({
      way: "process",
      binary: join(folder, program),
    });
  });

  test("is a container where no server program is on the PATH", () => {
    expect(chooseWay({ PATH: "" })).toEqual({ way: "testcontainers", image: "redis:7-alpine" });
  });

  test("is what ESCAPEMENT_TEST_REDIS says", () => {
    const PATH = folderWith("redis-server");
    const wanted = (value: string) => chooseWay({ PATH, ESCAPEMENT_TEST_REDIS: value });
    expect(wanted("testcontainers").way).toBe("testcontainers");
    expect(wanted("process").way).toBe("process");
    expect(wanted("redis://h:1")).toEqual({ way: "url", url: "redis://h:1" });
    expect(wanted("rediss://h:1")).toEqual({ way: "url", url: "rediss://h:1" });
    expect(wanted("").way).toBe("process");
  });

  test("is told to the user, all three, when the one asked for is not there or unknown", () => {
    const three = /process[\s\S]*testcontainers[\s\S]*redis:\/\//;
    expect(() => chooseWay({ PATH: "", ESCAPEMENT_TEST_REDIS: "process" })).toThrow(three);
    expect(() => chooseWay({ PATH: "", ESCAPEMENT_TEST_REDIS: "docker" })).toThrow(three);
  });
});

describe("a server that runs already", () => {
  test("serves clients and is left alone: no fault, no stop, nothing flushed", async () => {
    await using own = await startRedis();
    const url = own.url;
    const key = uniqueNamespace();
    vi.stubEnv("ESCAPEMENT_TEST_REDIS", url);
    const foreign = await startRedis();
    expect(foreign).toMatchObject({ way: "url", url, port: own.port, pid: undefined });
    await foreign.client().set(key, "kept");
    const refused: (() => Promise<unknown>)[] = [
      () => foreign.kill(),
      () => foreign.freeze(),
      () => foreign.thaw(),
      () => foreign.shutdown(),
      () => foreign.restart(),
      () => foreign.save(),
      () => foreign.restore("dump.rdb"),
      () => startVoters(3),
      () => startRedis({ maxmemory: "1mb" }),
    ];
    for (const ask of refused) {
      await expect(ask()).rejects.toMatchObject({ code: "UNSUPPORTED" });
    }
    await foreign.stop();
    expect(await own.client().get(key)).toBe("kept");
    await own.client().del(key);
  });
});
