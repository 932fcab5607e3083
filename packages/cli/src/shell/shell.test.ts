import { execFileSync, spawn } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type RunShellOptions, runShell } from "./shell.js";
import { ShellError } from "./shell-error.js";

let directory: string;
const unexpected: number[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "shell-test-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const pid of unexpected.splice(0)) if (isRunning(pid)) process.kill(pid, "SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

const never = new AbortController().signal;
const run = (command: string, options: Partial<RunShellOptions> = {}) =>
  runShell({ command, signal: never, cwd: directory, ...options });

/** A zombie does not run: in a container nobody may ever collect it. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** The pids that a command wrote to the file `pids`, once there are that many. */
async function pids(count: number): Promise<number[]> {
  return vi.waitFor(
    async () => {
      const found = (await readFile(join(directory, "pids"), "utf8")).trim().split("\n").map(Number);
      expect(found).toHaveLength(count);
      unexpected.push(...found);
      return found;
    },
    { timeout: 10_000, interval: 10 },
  );
}

describe("a command that ends by itself", () => {
  it("succeeds with its output and a duration", async () => {
    const result = await run("echo hello");
    expect(result).toMatchObject({
      exitCode: 0,
      signal: null,
      output: "hello\n",
      truncatedBytes: 0,
      backgroundKilled: false,
    });
    expect(result.durationMs).toBeGreaterThan(0);
  });

  it("fails with its exit code, or with the signal that ended it", async () => {
    expect(await run("exit 3")).toMatchObject({ exitCode: 3, signal: null });
    expect(await run("kill -KILL $$")).toMatchObject({ exitCode: null, signal: "SIGKILL" });
    expect(await run("no-such-command-here")).toMatchObject({ exitCode: 127, signal: null });
  });

  it("shows stdout and stderr in the order they were written", async () => {
    const { output } = await run("for i in 1 2 3; do echo out $i; echo err $i >&2; done");
    expect(output).toBe("out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n");
  });

  it("can open /dev/stdin, /dev/stdout and /dev/stderr by name", async () => {
    const { output } = await run("cat /dev/stdin > /dev/stdout; echo two > /dev/stderr", { stdin: "one\n" });
    expect(output).toBe("one\ntwo\n");
  });

  it("reads its input to the end, also one larger than a pipe holds, or nothing", async () => {
    expect(await run("wc -c", { stdin: "ä".repeat(500_000) })).toMatchObject({ output: "1000000\n" });
    expect(await run("wc -c")).toMatchObject({ output: "0\n" });
    expect(await run("exit 0", { stdin: "not read".repeat(100_000) })).toMatchObject({ exitCode: 0 });
  });

  it("may begin with a dash", async () => {
    expect(await run("-x 2>/dev/null || echo went on")).toMatchObject({ output: "went on\n" });
  });

  it("leaves no temporary files and no open descriptors", async () => {
    vi.stubEnv("TMPDIR", directory);
    await run("true", { stdin: "x" });
    const before = (await readdir("/proc/self/fd")).length;
    for (let round = 0; round < 5; round += 1) await run("echo x", { stdin: "x" });
    await vi.waitFor(async () => expect((await readdir("/proc/self/fd")).length).toBeLessThanOrEqual(before));
    expect(await readdir(directory)).toEqual([]);
  });

  it("works without a temporary directory too", async () => {
    vi.stubEnv("TMPDIR", "/no/such/directory");
    const result = await run("cat; echo err >&2; exit 4", { stdin: "in\n" });
    expect(result).toMatchObject({ exitCode: 4, signal: null });
    expect(result.output.split("\n").sort()).toEqual(["", "err", "in"]);
    expect(await run("exit 0", { stdin: "not read".repeat(100_000) })).toMatchObject({ exitCode: 0 });
  });

  it("does not disturb others that run at the same time", async () => {
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    const results = await Promise.all(
      numbers.map((n) => run(`read word; echo ${n} $word; exit ${n}`, { stdin: `w${n}` })),
    );
    expect(results.map(({ exitCode, output }) => `${exitCode} ${output}`)).toEqual(
      numbers.map((n) => `${n} ${n} w${n}\n`),
    );
  });
});

describe("a command's surroundings", () => {
  it("are a small environment and the given variables, none of the node's secrets", async () => {
    vi.stubEnv("ESCAPEMENT_REDIS_URL", "redis://:secret@host");
    const { output } = await run("env", { env: { GREETING: "hi there", PATH: "/bin:/usr/bin" } });
    expect(output).toContain("GREETING=hi there\n");
    expect(output).toContain("PATH=/bin:/usr/bin\n");
    expect(output).toMatch(/^HOME=.+$/m);
    expect(output).not.toContain("secret");
  });

  it("are the shell that SHELL names, unless another is given", async () => {
    expect(await run("echo $BASH", { env: { SHELL: "/bin/bash" } })).toMatchObject({ output: "/bin/bash\n" });
    expect(await run("echo $SHELL", { env: { SHELL: "/bin/bash" }, shell: "/bin/sh" })).toMatchObject({
      output: "/bin/sh\n",
    });
  });

  it("are the given directory, else HOME", async () => {
    expect(await run("pwd -P")).toMatchObject({ output: `${directory}\n` });
    const result = await runShell({ command: "pwd -P", signal: never, env: { HOME: directory } });
    expect(result.output).toBe(`${directory}\n`);
  });
});

describe("a command that cannot be started", () => {
  it.each([
    ["shell-not-found", { shell: "/no/such/shell" }],
    ["working-directory-not-found", { cwd: "/no/such/directory" }],
    ["not-permitted", { shell: "/etc/passwd" }],
    ["spawn-failed", { env: { A: "\0" } }],
  ] as const)("is a ShellError %s", async (code, options) => {
    const error = await run("true", options).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ShellError);
    expect(error).toMatchObject({ code, cause: expect.any(Error) });
  });

  it("rejects with the signal's reason if that is aborted already", async () => {
    const reason = new Error("too late");
    await expect(run("true", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it.each([{ killGraceMs: 2 ** 31 }, { lingerMs: -1 }, { maxOutputBytes: 0.5 }])(
    "refuses %j",
    async (options) => {
      await expect(run("true", options)).rejects.toThrow(RangeError);
    },
  );
});

describe("output", () => {
  it("is kept to its last 64 KiB exactly", async () => {
    const { output, truncatedBytes } = await run("seq 100000");
    const all = execFileSync("seq", ["100000"], { encoding: "utf8" });
    expect(output).toBe(all.slice(-65_536));
    expect(truncatedBytes).toBe(all.length - 65_536);
  });

  it("is kept to the given number of bytes, none included", async () => {
    expect(await run("echo 123456", { maxOutputBytes: 4 })).toMatchObject({
      output: "456\n",
      truncatedBytes: 3,
    });
    expect(await run("echo 123456", { maxOutputBytes: 0 })).toMatchObject({ output: "", truncatedBytes: 7 });
  });

  it("that is not UTF-8 is made safe", async () => {
    expect(await run("printf 'a\\377b'")).toMatchObject({ output: "a\uFFFDb" });
  });

  it("of 200 MB is read in bounded memory", async () => {
    const before = process.memoryUsage();
    let most = 0;
    const watch = setInterval(() => {
      const { external, heapUsed } = process.memoryUsage();
      most = Math.max(most, external + heapUsed);
    }, 5);
    const result = await run("head -c 200000000 /dev/zero");
    clearInterval(watch);
    expect(result).toMatchObject({ exitCode: 0, truncatedBytes: 200_000_000 - 65_536 });
    expect(most - before.external - before.heapUsed).toBeLessThan(100_000_000);
  });
});

describe("an aborted command", () => {
  it("ends with all of its descendants", async () => {
    const abort = new AbortController();
    const running = run(
      "sh -c 'echo $$ >> pids; sleep 1000 & echo $! >> pids; sleep 1000' & echo $$ >> pids; wait",
      {
        signal: abort.signal,
      },
    );
    const started = await pids(3);
    expect(started.every(isRunning)).toBe(true);
    abort.abort();
    expect(await running).toMatchObject({ exitCode: null, signal: "SIGTERM", backgroundKilled: false });
    expect(started.filter(isRunning)).toEqual([]);
  });

  it("may tidy up within the grace, and its own exit code counts", async () => {
    const abort = new AbortController();
    const running = run("trap 'echo bye; exit 7' TERM; echo $$ > pids; while :; do sleep 0.05; done", {
      signal: abort.signal,
    });
    await pids(1);
    abort.abort();
    const result = await running;
    expect(result).toMatchObject({ exitCode: 7, signal: null });
    expect(result.output).toMatch(/bye\n$/);
  });

  it("is killed after the grace if it ignores SIGTERM, children included", async () => {
    const abort = new AbortController();
    const running = run("trap '' TERM; sleep 1000 & echo $! >> pids; echo $$ >> pids; wait", {
      signal: abort.signal,
      killGraceMs: 100,
    });
    const started = await pids(2);
    abort.abort();
    expect(await running).toMatchObject({ exitCode: null, signal: "SIGKILL" });
    expect(started.filter(isRunning)).toEqual([]);
  });

  it("is waited for until a descendant that ignores SIGTERM is gone too", async () => {
    const abort = new AbortController();
    const running = run("(trap '' TERM; sh -c 'echo $$ >> pids; sleep 1000; :') & echo $$ >> pids; wait", {
      signal: abort.signal,
      killGraceMs: 100,
    });
    const started = await pids(2);
    abort.abort();
    expect(await running).toMatchObject({ signal: "SIGTERM" });
    expect(started.filter(isRunning)).toEqual([]);
  });
});

describe("a background process that outlives the shell", () => {
  it("may finish within the linger time, and its output counts", async () => {
    const result = await run("(sleep 0.2; echo late) & echo early", { lingerMs: 20_000 });
    expect(result).toMatchObject({ exitCode: 0, output: "early\nlate\n", backgroundKilled: false });
  });

  it("is ended after it, although it holds the output open", async () => {
    const result = await run("sleep 1000 & echo $! > pids; echo done", { lingerMs: 50 });
    expect(result).toMatchObject({ exitCode: 0, output: "done\n", backgroundKilled: true });
    expect((await pids(1)).filter(isRunning)).toEqual([]);
  });

  it("is ended at once by an abort", async () => {
    const abort = new AbortController();
    const running = run("sleep 1000 & echo $! > pids", { lingerMs: 1_000_000, signal: abort.signal });
    const started = await pids(1);
    abort.abort();
    await running;
    expect(started.filter(isRunning)).toEqual([]);
  });

  it("does not hold the run up if it has a session of its own", async () => {
    const result = await run(
      "setsid sh -c 'echo $$ > pids; exec sleep 1000' & while ! [ -s pids ]; do :; done; echo done",
    );
    expect(result).toMatchObject({ exitCode: 0, output: "done\n", backgroundKilled: false });
    expect((await pids(1)).filter(isRunning)).toHaveLength(1);
  });
});

it("leaves no listeners on the signal", async () => {
  const { signal } = new AbortController();
  await run("true", { signal });
  await run("sleep 1000 &", { signal, lingerMs: 0 });
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

it("a node that exits without aborting takes its commands along", async () => {
  const jiti = createRequire(import.meta.url).resolve("jiti");
  const script = `
    const { createJiti } = require(${JSON.stringify(jiti)});
    const { existsSync } = require("node:fs");
    createJiti(process.cwd() + "/node.js").import(${JSON.stringify(join(import.meta.dirname, "shell.ts"))}).then(({ runShell }) => {
      const command = "trap '' TERM; sleep 1000 & echo $! >> pids; echo $$ >> pids; : > ready; wait";
      runShell({ command, cwd: process.cwd(), signal: new AbortController().signal });
      setInterval(() => existsSync("ready") && process.exit(5), 10);
    });`;
  const node = spawn(process.execPath, ["-e", script], { cwd: directory, stdio: "inherit" });
  const [code] = await once(node, "exit");
  expect(code).toBe(5);
  const started = await pids(2);
  await vi.waitFor(() => expect(started.filter(isRunning)).toEqual([]));
});
