import { spawnSync } from "node:child_process";
import { createScheduler, type Scheduler } from "@escapement/core";
import { eventually, type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { cron } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asJson, escapement, folderWith, start } from "../../test/escapement.js";
import type { TopState } from "./top-state.js";

let redis: JobStore;
let env: { ESCAPEMENT_REDIS_URL: string; ESCAPEMENT_NAMESPACE: string };
let scheduler: Scheduler;
let runId: string;

beforeAll(async () => {
  redis = await startJobStore();
  env = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: uniqueNamespace("top") };
  scheduler = createScheduler({ redis: redis.url, namespace: env.ESCAPEMENT_NAMESPACE });
  scheduler.task("long", ({ signal }) => new Promise((_, stop) => signal.addEventListener("abort", stop)));
  scheduler.task("quick", () => undefined);
  scheduler.task("bad", () => {
    throw new Error("no");
  });
  await scheduler.start();
  await scheduler.schedule("long", { id: "yearly", trigger: cron("0 0 1 1 *") });
  await scheduler.pause({ queue: "mail" }, { reason: "audit \u001b[31m" });
  ({ id: runId } = await scheduler.job("yearly").runNow());
  await scheduler.enqueue("quick", { queue: "mail" });
  await eventually(
    async () => (await scheduler.leader()) !== undefined && (await scheduler.load()).active === 1,
  );
});
afterAll(async () => {
  await scheduler.stop({ timeout: 0 });
  await redis.stop();
});

describe("top", { timeout: 120_000 }, () => {
  test("prints one snapshot as plain text where there is no terminal, in 80 columns", async () => {
    const { out, code, err } = await escapement(["top", "--interval", "100ms"], env);
    expect([code, err]).toEqual([0, ""]);
    expect(out).not.toContain("\u001b");
    expect(out).toMatch(new RegExp(`^${scheduler.nodeId} leads in term 1$`, "m"));
    expect(out).toMatch(/^runs: \d+ waiting, 1 due, 1 active, 0 held, 0 paused; jobs: 1$/m);
    expect(out).toMatch(/^no lag$/m);
    expect(out).toMatch(/^paused queue:mail: audit \\x1b\[31m \(by /m);
    expect(out).toMatch(new RegExp(`^${scheduler.nodeId} +alive, leads +1/\\d+ +\\S+:${process.pid}$`, "m"));
    expect(out).toMatch(new RegExp(`^${runId} +\\d+ s +1 +${scheduler.nodeId}$`, "m"));
    expect(out).toMatch(/^yearly +\d+ (d|h).* -$/m);
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("prints an object each interval with --json, and counts what happened in it", async () => {
    await using top = await start(["top", "--json", "--interval", "300ms"], env);
    await eventually(() => top.lines.length > 0, { within: 20_000 });
    for (let count = 0; count < 3; count += 1) await scheduler.enqueue("quick");
    await scheduler.enqueue("bad");
    const counted = (): number[] =>
      top.lines
        .map((line) => (JSON.parse(line) as TopState).rates)
        .reduce(
          ([started = 0, succeeded = 0, failed = 0], rates) => [
            started + rates.started,
            succeeded + rates.succeeded,
            failed + rates.failed,
          ],
          [0, 0, 0],
        );
    await eventually(() => expect(counted()).toEqual([4, 3, 1]), { within: 20_000 });
    top.kill("SIGINT");
    expect(await top.exited).toEqual({ code: 0, signal: null });
    expect(top.errorLines).toEqual([]);
    const once = await asJson<TopState>(["top", "--once", "--interval", "10ms"], env);
    expect(once.active).toMatchObject([{ id: runId, jobId: "yearly" }]);
    expect(once.next?.[0]).toMatchObject({ jobId: "yearly", pauses: [] });
    expect(once.pauses).toMatchObject([{ target: "queue:mail" }]);
  });

  test("ends with an error, and not with a broken screen, when there is no Redis", async () => {
    const said = await escapement(["top", "--once", "--interval", "10ms"], {
      ...env,
      ESCAPEMENT_REDIS_URL: "redis://127.0.0.1:1",
    });
    expect(said).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/^escapement: .*127\.0\.0\.1:1/),
    });
  });
});

const hasTmux = spawnSync("tmux", ["-V"]).error === undefined;

describe.skipIf(!hasTmux)("top on a terminal", { timeout: 120_000 }, () => {
  const bin = new URL("../../bin/escapement.js", import.meta.url).pathname;

  /** A terminal with a shell in which `top` runs; ended with all that runs in it. */
  function terminal(
    folder: { path(name: string): string },
    interval: string,
  ): Disposable & { tmux(...args: string[]): string; screen(): string } {
    const tmux = (...args: string[]): string => {
      const { stdout, stderr, status } = spawnSync(
        "tmux",
        ["-S", folder.path("tmux"), "-f", "/dev/null", ...args],
        {
          encoding: "utf8",
          env: { ...process.env, ...env, PS1: "prompt> ", TERM: "xterm-256color" },
        },
      );
      if (status !== 0) throw new Error(`tmux ${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    tmux("new-session", "-d", "-x", "90", "-y", "24", "bash", "--norc", "--noprofile");
    const line = `echo be''fore; "${process.execPath}" "${bin}" top --interval ${interval}; echo "end""ed $?" "$(stty -a | grep -o -- '-\\?echo\\b')"`;
    tmux("send-keys", "-l", line);
    tmux("send-keys", "Enter");
    return {
      tmux,
      screen: () => tmux("capture-pane", "-p"),
      [Symbol.dispose]: () => void tmux("kill-server"),
    };
  }

  test.each([
    ["q", "q"],
    ["Ctrl-C", "C-c"],
  ])("draws over the whole screen, fits another size, and %s gives the terminal back", async (_, key) => {
    using folder = folderWith({});
    using shown = terminal(folder, "1h"); // so that only what is tested draws
    await eventually(() => expect(shown.screen()).toMatch(/ leads in term/), { within: 30_000 });
    expect(shown.screen()).not.toContain("before");
    expect(shown.screen()).toContain("per second: ");
    shown.tmux("resize-window", "-x", "60", "-y", "8");
    await eventually(() => {
      const lines = shown.screen().trimEnd().split("\n");
      expect(lines[0]).toMatch(/^top-/);
      expect(lines.length).toBe(8);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    });
    shown.tmux("resize-window", "-x", "90", "-y", "24");
    shown.tmux("send-keys", key);
    await eventually(() => expect(shown.screen()).toMatch(/^before$[\s\S]*^ended 0 echo$/m), {
      within: 30_000,
    });
    expect(shown.screen()).not.toContain("leads in term");
  });

  test("shows an error in place and goes on when Redis is back; ended by a signal it gives the terminal back", async () => {
    using folder = folderWith({});
    using shown = terminal(folder, "100ms");
    await eventually(() => expect(shown.screen()).toMatch(/ leads in term/), { within: 30_000 });
    await eventually(() => expect(shown.screen()).toMatch(/^yearly /m), { within: 30_000 });
    const admins = redis.servers.map((one) => one.client());
    for (const admin of admins) {
      await admin.config("SET", "maxclients", "1");
      await admin.client("KILL", "TYPE", "normal", "SKIPME", "yes");
    }
    await eventually(() => expect(shown.screen()).toMatch(/^[^\n]*(Redis|connection)/), { within: 30_000 });
    for (const admin of admins) await admin.config("SET", "maxclients", "1000");
    await eventually(() => expect(shown.screen()).toMatch(/^top-/), { within: 30_000 });
    const shell = shown.tmux("display-message", "-p", "#{pane_pid}").trim();
    const { stdout } = spawnSync("pgrep", ["-P", shell], { encoding: "utf8" });
    process.kill(Number(stdout.trim()), "SIGTERM");
    await eventually(() => expect(shown.screen()).toMatch(/^before$[\s\S]*^ended 0 echo$/m), {
      within: 30_000,
    });
  });
});
