import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { redisWay, startProcess, type TestProcess } from "@escapement/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const start = fileURLToPath(new URL("../../../../tools/start.mjs", import.meta.url));
let shown: TestProcess;
let temporary: string;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "start-test-"));
});
afterEach(async () => {
  await shown.stop();
  rmSync(temporary, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<TestProcess> =>
  startProcess(process.execPath, [start, ...args], {
    env: { ESCAPEMENT_TEST_REDIS: "process", TMPDIR: temporary },
  });

/** No process, no Redis, no folder is left. */
async function expectNothingLeft({ lines }: TestProcess): Promise<void> {
  const pids = lines.flatMap((line) => /runs as \w+, process (\d+)/.exec(line)?.[1] ?? []);
  expect(pids.length).toBeGreaterThanOrEqual(3);
  expect(pids.map(Number).filter(lives)).toEqual([]);
  const port = Number(/redis:\/\/[^:]+:(\d+)/.exec(lines.join("\n"))?.[1]);
  const answer = await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1").once("error", () => resolve("none"));
    socket.once("connect", () => resolve(socket.destroy()));
  });
  expect(answer).toBe("none");
  expect(readdirSync(temporary).filter((name) => name.startsWith("escapement-"))).toEqual([]);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const figure = ({ lines }: TestProcess, name: string): string | undefined =>
  lines
    .find((line) => line.startsWith(`  ${name}  `))
    ?.slice(name.length + 2)
    .trim();

const onlyAsProcess = test.skipIf(redisWay() !== "process");

onlyAsProcess("`npm start -- --kill-leader` shows that nothing is missed", { timeout: 120_000 }, async () => {
  shown = await run("--for", "15s", "--kill-leader", "5s");
  await shown.waitForLine(/leads, and is killed/, 60_000);
  expect(await shown.exited).toEqual({ code: 0, signal: null });
  expect(shown.errorLines).toEqual([]);

  const expected = Number(figure(shown, "fire times expected"));
  expect(expected).toBeGreaterThan(30);
  // A command that died with its node holds up its job until it was tried again: the job's overlap policy says so.
  const skipped = Number(figure(shown, "skipped by policy"));
  expect(skipped).toBeLessThan(5);
  expect(figure(shown, "started")).toBe(String(expected - skipped));
  expect(figure(shown, "missed")).toBe("0");
  expect(figure(shown, "started twice")).toBe("0");
  expect(figure(shown, "lateness after the kill")).toMatch(/^p50 \d+ ms, p99 \d+ ms, max \d+ ms$/);
  expect(figure(shown, "another leader")).toMatch(/s later$/);
  await expectNothingLeft(shown);
});

onlyAsProcess(
  "Ctrl-C ends `npm start` with a summary, and leaves nothing behind",
  { timeout: 120_000 },
  async () => {
    shown = await run();
    await shown.waitForLine(/js\/visitors/, 60_000);
    shown.kill("SIGINT");
    expect(await shown.exited).toEqual({ code: 0, signal: null });
    expect(Number(figure(shown, "fire times expected"))).toBeGreaterThan(0);
    expect(figure(shown, "missed")).toBe("0");
    await expectNothingLeft(shown);
  },
);
