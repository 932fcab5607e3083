// A parent that starts a server, a process and a folder, and then ends in each of the ways that processes end.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eventually, redisWay, startProcess, type TestProcess } from "./index.js";
import { processState } from "./process-state.js";

const built = join(import.meta.dirname, "../dist/index.js");

interface Started {
  redis: number;
  child: number;
  grandchild: number;
  folder: string;
}

const parentScript = `
  import { startProcess, startRedis } from ${JSON.stringify(built)};
  const server = await startRedis();
  const child = await startProcess("sh", ["-c", "sleep 1000 & echo $!; wait"]);
  const grandchild = Number(await child.waitForLine(/^[0-9]+$/));
  const [, folder] = await server.client().config("GET", "dir");
  console.log(JSON.stringify({ redis: server.pid, child: child.pid, grandchild, folder }));
  setInterval(() => {}, 1000);
  END
`;

async function startParent(end = ""): Promise<{ parent: TestProcess; started: Started }> {
  const script = parentScript.replace("END", end);
  const parent = await startProcess(process.execPath, ["--input-type=module", "-e", script], {
    env: { ESCAPEMENT_TEST_REDIS: "process" },
  });
  return { parent, started: JSON.parse(await parent.waitForLine(/^\{/)) };
}

const states = ({ redis, child, grandchild }: Started) =>
  Promise.all([redis, child, grandchild].map(processState));

async function allGone(started: Started): Promise<void> {
  await eventually(async () => {
    expect(await states(started)).toEqual(["gone", "gone", "gone"]);
    expect(existsSync(started.folder)).toBe(false);
  });
}

describe.skipIf(redisWay() !== "process")("nothing outlives a parent that", () => {
  test.each(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const)("gets %s", async (signal) => {
    const { parent, started } = await startParent();
    expect(await states(started)).toEqual(["runs", "runs", "runs"]);
    parent.kill(signal);
    expect(await parent.exited).toEqual({ code: null, signal });
    await allGone(started);
  });

  test("calls process.exit", async () => {
    const { parent, started } = await startParent("process.exit(7);");
    expect(await parent.exited).toEqual({ code: 7, signal: null });
    await allGone(started);
  });

  test("throws what nobody catches", async () => {
    const { parent, started } = await startParent("setImmediate(() => { throw new Error('uncaught'); });");
    expect((await parent.exited).code).toBe(1);
    await allGone(started);
  });

  test("is killed after the server was restarted, and while it stands still", async () => {
    const { parent, started } = await startParent(
      "await server.restart(); await server.freeze(); console.log('now ' + server.pid);",
    );
    const now = Number((await parent.waitForLine(/^now/)).slice(4));
    expect(now).not.toBe(started.redis);
    parent.kill();
    await allGone({ ...started, redis: now });
  });

  test("forgot to stop its server and has nothing left to do", async () => {
    const parent = await startProcess(process.execPath, [
      "--input-type=module",
      "-e",
      `import { startRedis } from ${JSON.stringify(built)}; console.log((await startRedis()).pid);`,
    ]);
    const pid = Number(await parent.waitForLine(/^\d+$/));
    expect(await parent.exited).toEqual({ code: 0, signal: null });
    await eventually(async () => (await processState(pid)) === "gone");
  });
});
