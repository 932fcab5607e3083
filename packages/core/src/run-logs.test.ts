import { AsyncLocalStorage } from "node:async_hooks";
import {
  eventually,
  type JobStore,
  type RedisServer,
  startJobStore,
  startProxy,
  startRedis,
} from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, gate, heard, idsTogether } from "../test/cluster.js";
import { type BenchNode, StoreBench } from "../test/store-bench.js";
import type { Claimed } from "./claim.js";
import type { LogLine, LogsOptions, RunContext, RunHandle } from "./index.js";
import { logBounds, RunLogs } from "./run-logs.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const messages = (lines: readonly LogLine[]): string[] => lines.map(({ message }) => message);

describe("logs, followLogs: the log of a run", () => {
  test("can be read in another process while the run runs, and gone on with from the last line", async () => {
    await using cluster = new Cluster(server);
    const [node, reader] = [cluster.scheduler(), cluster.scheduler()];
    const [more, end] = [gate(), gate()];
    node.task("task", async ({ log }) => {
      log.info("begun", { rows: 3 });
      log.debug("not kept");
      await more.opened;
      log.warn({ row: 2 }, "row %d is odd", 2);
      await end.opened;
    });
    await node.start();
    const { id } = await node.enqueue("task");
    const from = Date.now();
    const [first] = await linesOf(reader.run(id));
    expect(first).toEqual({
      id: expect.stringMatching(/^\d+-1$/),
      at: expect.any(Date),
      level: "info",
      message: "begun",
      fields: { rows: 3 },
      attempt: 1,
    });
    expect(Math.abs((first?.at.getTime() ?? 0) - from)).toBeLessThan(5000);
    expect((await reader.run(id).get())?.state).toBe("active");
    more.open();
    const [second] = await linesOf(reader.run(id), { since: first?.id ?? "" });
    expect(second).toMatchObject({ level: "warn", message: "row 2 is odd", fields: { row: 2 } });
    expect(messages(await reader.run(id).logs({ limit: 1 }))).toEqual(["begun"]);
    end.open();
  });

  test("has the lines of several flushes and attempts in order, the last ones before the run has ended", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    node.task("task", async ({ log, attempt }) => {
      for (const part of ["a", "b", "c"]) {
        log.info(`${attempt}${part}1`);
        log.info(`${attempt}${part}2`);
        await flushed(node.run(id), `${attempt}${part}2`);
      }
      log.info(`${attempt} last`);
      if (attempt < 3) throw new Error("again");
    });
    const id = "run";
    await node.start();
    const handle = await node.enqueue("task", { id, retry: { attempts: 3, backoff: 0 } });
    await handle.result({ timeout: 10_000 });
    const expected = [1, 2, 3].flatMap((attempt) => [
      ...["a", "b", "c"].flatMap((part) => [`${attempt}${part}1`, `${attempt}${part}2`]),
      `${attempt} last`,
    ]);
    const lines = await handle.logs();
    expect(messages(lines)).toEqual(expected);
    expect(lines.map(({ attempt }) => attempt)).toEqual(expected.map((text) => Number(text[0])));
  });

  test("is complete as soon as the run has ended, also on a server that does not know the script yet", async () => {
    await using fresh = await startRedis();
    await using cluster = new Cluster(fresh);
    const node = cluster.scheduler({ concurrency: 50 });
    node.task("task", ({ log, id }) => log.info(id));
    await node.start();
    for (const round of [1, 2, 3]) {
      if (round === 3) await fresh.client().script("FLUSH");
      const handles = await node.enqueueMany(
        "task",
        Array.from({ length: 50 }, () => ({})),
      );
      for (const handle of handles) {
        await handle.result({ timeout: 5000 });
        // After the scripts were flushed, one flush may be refused once and come too late.
        if (round < 3) expect(messages(await handle.logs())).toEqual([handle.id]);
      }
    }
  });

  test("keeps the latest 1000 lines, and tells how many were dropped since they came too fast", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    node.task("task", ({ log }) => {
      for (let count = 1; count <= 5000; count += 1) log.info(`line ${count}`);
    });
    await node.start();
    const handle = await node.enqueue("task");
    await handle.result({ timeout: 10_000 });
    const lines = await handle.logs();
    expect(lines).toHaveLength(1000);
    expect(lines[0]).toMatchObject({
      level: "warn",
      message: expect.stringMatching(/^4001 lines were dropped/),
    });
    expect(lines[1]?.message).toBe("line 4002");
    expect(lines.at(-1)?.message).toBe("line 5000");
  });

  test("goes after its time", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler({ retain: { logAge: "2h" } });
    node.task("task", ({ log }) => log.info("here"));
    await node.start();
    const handle = await node.enqueue("task");
    await handle.result({ timeout: 5000 });
    const left = await server.client().pttl(cluster.keysOf(handle.id).log(handle.id));
    expect(left).toBeGreaterThan(7_100_000);
    expect(left).toBeLessThanOrEqual(7_200_000);
  });

  test("is empty for a run that there is not; a position or limit that is none is refused", async () => {
    await using cluster = new Cluster(server);
    const run = cluster.scheduler().run("no-such-run");
    expect(await run.logs()).toEqual([]);
    await expect(run.logs({ since: "yesterday" })).rejects.toMatchObject({ path: "since" });
    await expect(run.logs({ limit: 0 })).rejects.toMatchObject({ path: "limit" });
    await expect(run.logs({ form: "1-1" } as never)).rejects.toMatchObject({ path: "options.form" });
    expect(() => run.followLogs({ since: 5 } as never)).toThrow(/since/);
    expect(() => run.followLogs({ signal: true } as never)).toThrow(/signal/);
  });
});

/** Its lines, once there are some. */
async function linesOf(run: RunHandle, options: LogsOptions = {}): Promise<LogLine[]> {
  let lines: LogLine[] = [];
  await eventually(async () => {
    lines = await run.logs(options);
    return lines.length > 0;
  });
  return lines;
}

/** Until a line has been written. */
function flushed(run: RunHandle, message: string): Promise<unknown> {
  return eventually(async () => messages(await run.logs()).includes(message));
}

describe("logs, followLogs: to follow", () => {
  test("yields kept and new lines, and ends with the run", async () => {
    await using cluster = new Cluster(server);
    const [node, reader] = [cluster.scheduler(), cluster.scheduler()];
    const [more, end] = [gate(), gate()];
    node.task("task", async ({ log }) => {
      log.info("kept");
      await more.opened;
      log.info("new");
      await end.opened;
      log.info("last");
    });
    await node.start();
    const { id } = await node.enqueue("task");
    await flushed(node.run(id), "kept");
    const seen: string[] = [];
    for await (const { message } of reader.run(id).followLogs()) {
      seen.push(message);
      if (message === "kept") more.open();
      if (message === "new") end.open();
    }
    expect(seen).toEqual(["kept", "new", "last"]);
    expect((await reader.run(id).get())?.state).toBe("succeeded");
    const [first] = await reader.run(id).logs();
    const rest: string[] = [];
    for await (const { message } of reader.run(id).followLogs({ since: first?.id ?? "" })) rest.push(message);
    expect(rest).toEqual(["new", "last"]);
  });

  test("goes on over further attempts, and ends early when it is told to", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    node.task("task", async ({ log, attempt, signal }: RunContext) => {
      log.info(`attempt ${attempt}`);
      if (attempt === 1) throw new Error("again");
      await new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    });
    await node.start();
    const handle = await node.enqueue("task", { retry: { attempts: 2, backoff: 300 } });
    const seen: string[] = [];
    const controller = new AbortController();
    for await (const { message } of handle.followLogs({ signal: controller.signal })) {
      seen.push(message);
      if (seen.length === 2) setTimeout(() => controller.abort(), 1);
    }
    expect(seen).toEqual(["attempt 1", "attempt 2"]);
    expect((await handle.get())?.state).toBe("active");
  });

  test("yields what was written while it looked whether the run has ended", async () => {
    await using scene = await claimedScene(60_000);
    const { bench, claimed, node, logs } = scene;
    const { commands } = bench.store;
    const run = commands.run.bind(commands);
    let ended = false;
    commands.run = async (doing, ...rest) => {
      if (doing === "reading a run" && !ended) {
        ended = true;
        logs.open(claimed).keep("info", "last words", undefined);
        await logs.flush();
        await node.complete([claimed]);
      }
      return run(doing, ...rest);
    };
    const seen: string[] = [];
    for await (const { message } of bench.run(claimed.run).followLogs()) seen.push(message);
    expect(seen).toEqual(["last words"]);
  });

  test("of a run that there is not is an error", async () => {
    await using cluster = new Cluster(server);
    const lines = cluster.scheduler().run("no-such-run").followLogs();
    await expect(lines.next()).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
  });
});

describe("logs, followLogs: a node", () => {
  test("sends nothing for runs that log nothing, and one call for all that log at a time", async () => {
    await using own = await startRedis();
    await using cluster = new Cluster(own);
    const node = cluster.scheduler({ concurrency: 50 });
    const end = gate();
    node.task("silent", ({ log }) => log.debug("not kept"));
    node.task("talks", async ({ log }) => {
      log.info("one");
      log.info("two");
      await end.opened;
    });
    await node.start();
    const calls = await logCallsOf(own);
    for (const handle of await node.enqueueMany(
      "silent",
      Array.from({ length: 20 }, () => ({})),
    ))
      await handle.result({ timeout: 5000 });
    expect(await calls()).toBe(0);
    const handles = await node.enqueueMany(
      "talks",
      idsTogether(20).map((id) => ({ id })), // one call for each partition
    );
    for (const handle of handles) await flushed(handle, "two");
    expect(await calls()).toBe(1);
    end.open();
    for (const handle of handles) await handle.result({ timeout: 5000 });
    expect(await calls()).toBe(1);
  });

  test("that has lost a run writes none of its lines, and forgets them", async () => {
    await using scene = await claimedScene();
    const { bench, claimed, logs } = scene;
    const attempt = logs.open(claimed);
    attempt.keep("info", "while it was held", undefined);
    await logs.flush();
    await bench.advance(2000);
    attempt.keep("info", "after the lease", undefined);
    await logs.flush();
    await bench.recover();
    const other = await bench.node("other");
    const [again] = (await other.claim()).claimed;
    attempt.keep("info", "after it was taken over", undefined);
    await logs.flush();
    const others = new RunLogs("other", bench.store, bench.events);
    others.open(again as Claimed).keep("info", "by another", undefined);
    await others.flush();
    expect(messages(await bench.run(claimed.run).logs())).toEqual(["while it was held", "by another"]);
    others.close();
  });

  test("that holds a run again, for another attempt, writes no lines of the one before", async () => {
    await using bench = await new StoreBench(server).ready();
    await bench.define("job", { retry: { attempts: 2 } });
    await bench.write("job", [(await bench.now()) - 1]);
    const node = await bench.node("node");
    const [first] = (await node.claim()).claimed as [Claimed];
    await node.complete([first], "F", "0");
    const [second] = (await node.claim()).claimed as [Claimed];
    expect(second).toMatchObject({ run: first.run, attempt: 2 });
    const logs = new RunLogs("node", bench.store, bench.events);
    logs.open(first).keep("info", "too late", undefined);
    logs.open(second).keep("info", "now", undefined);
    await logs.flush();
    expect(messages(await bench.run(first.run).logs())).toEqual(["now"]);
    logs.close();
  });

  test("writes a line once that it sends twice, and keeps their order when a flush fails", async () => {
    await using proxy = await startProxy(server.url);
    await using scene = await claimedScene(60_000, proxy.url);
    const { bench, claimed, logs } = scene;
    const failures: unknown[] = [];
    bench.events.on("error", ({ step }) => failures.push(step));
    const attempt = logs.open(claimed);
    attempt.keep("info", "1", undefined);
    proxy.blockReplies(true);
    const first = logs.flush();
    attempt.keep("info", "2", undefined);
    const second = logs.flush();
    await eventually(async () => (await bench.redis.xlen(bench.store.keys.log(claimed.run))) === 2);
    proxy.cut();
    await Promise.all([first, second]);
    proxy.blockReplies(false);
    attempt.keep("info", "3", undefined);
    await eventually(async () => (await bench.redis.xlen(bench.store.keys.log(claimed.run))) === 3);
    expect(messages(await bench.run(claimed.run).logs())).toEqual(["1", "2", "3"]);
    await eventually(() => failures.length > 0);
    expect(new Set(failures)).toEqual(new Set(["log"]));
  });

  test("waits with what it cannot write, bounded, and fails no run for it", async () => {
    await using redis = await startRedis();
    await using scene = await claimedScene(60_000, redis.url, redis);
    const { bench, claimed, logs } = scene;
    await bench.redis.config("SET", "maxmemory", "1");
    // A handler is told by its context: what goes wrong with its lines later on must not be taken for its own fault.
    const handler = new AsyncLocalStorage<string>();
    const contexts: unknown[] = [];
    bench.events.on("error", () => contexts.push(handler.getStore()));
    const attempt = logs.open(claimed);
    const text = "x".repeat(1500);
    handler.run("handler", () => {
      for (let count = 1; count <= 3000; count += 1) attempt.keep("info", `${count} ${text}`, undefined);
    });
    await eventually(() => contexts.length >= 2);
    expect(new Set(contexts)).toEqual(new Set([undefined]));
    expect(await bench.run(claimed.run).logs()).toEqual([]);
    await bench.redis.config("SET", "maxmemory", "0");
    await eventually(async () => (await bench.run(claimed.run).logs()).length > 0);
    const lines = await bench.run(claimed.run).logs();
    expect(lines).toHaveLength(logBounds.kept);
    expect(lines[0]?.message).toMatch(/^2001 lines were dropped/);
    expect(lines.at(-1)?.message).toMatch(/^3000 x/);
  });

  test("writes the lines of other runs where the key of one is none of ours, and that run succeeds", async () => {
    await using cluster = new Cluster(server);
    const node = cluster.scheduler();
    node.task("task", ({ log, id }) => {
      log.info("one");
      return flushed(node.run("fine"), "one").then(() => id);
    });
    await server.client().set(cluster.keysOf("a-odd").log("a-odd"), "something else");
    await node.start();
    const handles = await node.enqueueMany("task", [{ id: "a-odd" }, { id: "fine" }]);
    for (const handle of handles) expect(await handle.result({ timeout: 5000 })).toBe(handle.id);
  });

  test.each([
    ["lines", "short"],
    ["characters", "x".repeat(1900)],
  ])("bounds what waits of all its runs together, in %s", async (_, text) => {
    await using scene = await claimedScene(60_000);
    const { bench, claimed, logs } = scene;
    const others = Array.from({ length: 10 }, (_, index) => logs.open({ ...claimed, run: `other-${index}` }));
    for (const other of others)
      for (let count = 0; count < 999; count += 1) other.keep("info", text, undefined);
    logs.open(claimed).keep("error", text, undefined);
    await logs.flush();
    expect(messages(await bench.run(claimed.run).logs())).toEqual([
      "1 lines were dropped here: they came faster than they could be written",
    ]);
  });

  test("tells of a drained handler's last lines, and keeps nothing that comes after the end of an attempt", async () => {
    await using cluster = new Cluster(server);
    const [node, reader] = [cluster.scheduler(), cluster.scheduler()];
    const late = gate<() => void>();
    node.task("deaf", ({ log }) => {
      log.info("working");
      return new Promise(() => undefined);
    });
    node.task("over", ({ log }) => late.open(() => log.info("too late")));
    const started = heard(node, "beforeRun");
    await node.start();
    const over = await node.enqueue("over");
    await over.result({ timeout: 5000 });
    (await late.opened)();
    const { id } = await node.enqueue("deaf");
    await eventually(() => started.length === 2);
    await node.stop({ timeout: 1 });
    expect(messages(await reader.run(id).logs())).toEqual(["working"]);
    expect(await reader.run(over.id).logs()).toEqual([]);
  });
});

/** Counts the calls that carry log lines, from now on, as the server sees them. */
async function logCallsOf(redis: RedisServer): Promise<() => Promise<number>> {
  const client = redis.client();
  await client.config("SET", "slowlog-max-len", 100_000);
  await client.config("SET", "slowlog-log-slower-than", 0);
  return async () => {
    const calls = (await client.slowlog("GET", 100_000)) as [number, number, number, string[]][];
    const isOurs = ([name = "", , keys, , , active = ""]: string[]): boolean =>
      name.toLowerCase().startsWith("eval") && keys === "3" && active.includes(":active:");
    return calls.filter(([, , , command]) => isOurs(command)).length;
  };
}

interface Scene extends AsyncDisposable {
  readonly bench: StoreBench;
  readonly claimed: Claimed;
  readonly node: BenchNode;
  readonly logs: RunLogs;
}

/** A run that a node holds, whose lines the test hands in. */
async function claimedScene(ttl = 1000, url = server.url, redis = server): Promise<Scene> {
  const bench = await new StoreBench(redis, {}, { url }).ready();
  await bench.define("job");
  await bench.write("job", [(await bench.now()) - 1]);
  const node = await bench.node("node", ttl);
  const [claimed] = (await node.claim()).claimed;
  const logs = new RunLogs("node", bench.store, bench.events);
  return {
    bench,
    claimed: claimed as Claimed,
    node,
    logs,
    [Symbol.asyncDispose]: async () => {
      logs.close();
      await bench[Symbol.asyncDispose]();
    },
  };
}
