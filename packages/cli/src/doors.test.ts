import { connect, createServer } from "node:net";
import { createScheduler, type Finding } from "@escapement/core";
import {
  eventually,
  type JobStore,
  redisWay,
  startJobStore,
  startRedis,
  uniqueNamespace,
} from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { escapement, start } from "../test/escapement.js";

let redis: JobStore;
const namespace = uniqueNamespace("cli");
beforeAll(async () => {
  redis = await startJobStore();
});
afterAll(() => redis.stop());

/** Each error is one line without a stack, and with --json an object that says the same. */
async function refused(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: string; message: string; exit: number | null }> {
  const all = { ESCAPEMENT_REDIS_URL: redis.url, ESCAPEMENT_NAMESPACE: namespace, ...env };
  const said = await escapement([...args, "--json"], all);
  const { error } = JSON.parse(said.out) as { error: { code: string; message: string } };
  expect(said.err).toBe(`escapement: ${error.message}`);
  return { ...error, exit: said.code };
}

describe("what is typed wrongly", () => {
  test.each([
    ["an unknown command", ["jobs"], "USAGE", /unknown command/],
    ["an unknown option", ["job", "list", "--colour"], "USAGE", /unknown option/],
    ["a missing argument", ["job", "show"], "USAGE", /missing required argument/],
    ["a count that is none", ["job", "next", "a", "-n", "many"], "USAGE", /whole number/],
    ["a duration that is none", ["node", "--allow-shell", "--stop-timeout", "soon"], "USAGE", /duration/],
    ["a state that is none", ["job", "list", "--state", "happy"], "USAGE", /--state/],
    ["a role that is none", ["node", "--roles", "king"], "INVALID_OPTION", /roles/],
    [
      "too many runs at once",
      ["node", "--allow-shell", "--concurrency", "10001"],
      "INVALID_OPTION",
      /concurrency/,
    ],
    ["a node with nothing to run", ["node"], "USAGE", /nothing to run/],
    ["a list of runs of two", ["run", "list", "--job", "a", "--task", "b"], "USAGE", /--job/],
    ["an event that cannot be", ["events", "--since", "1-2"], "USAGE", /--since/],
    ["a pattern that cannot be", ["next", "--match", "a b"], "INVALID_OPTION", /match/],
    ["more fire times than can be", ["next", "-n", "10001"], "INVALID_OPTION", /count/],
    ["a time to wait that is none", ["leader", "--resign", "--timeout", "soon"], "USAGE", /duration/],
    ["a node's id that cannot be", ["nodes", "undrain", "a b"], "INVALID_NAME", /node/],
    ["an interval that is none", ["top", "--interval", "0"], "USAGE", /duration/],
    ["a crontab that is not there", ["crontab", "diff", "/nonexistent"], "CRONTAB", /cannot be read/],
    ["a namespace that cannot be", ["job", "list", "--namespace", "a{b}"], "INVALID_NAME", /namespace/],
    ["a job id that cannot be", ["job", "show", "a b\u001b[31m"], "INVALID_NAME", /job id/],
    ["a run id that cannot be", ["run", "show", "a@b"], "INVALID_OPTION", /run id/],
    ["a queue that cannot be", ["node", "--allow-shell", "--queues", "a,b c"], "INVALID_NAME", /queues/],
    ["an even number of voters", ["doctor", "--voters", "redis://a,redis://b"], "INVALID_OPTION", /voters/],
    [
      "a URL of another kind",
      ["job", "list", "--redis", "http://user:secret@host"],
      "INVALID_REDIS_URL",
      /scheme/,
    ],
    ["a URL that is none", ["job", "list", "--redis", "localhost"], "INVALID_REDIS_URL", /URL/],
    [
      "an address of sentinels that is taken for an argument",
      ["job", "list", "redis+sentinel://user:secret@host/name"],
      "USAGE",
      /too many arguments/,
    ],
    ["an address that is taken for a command", ["rediss+cluster://:secret@host"], "USAGE", /unknown command/],
  ])("%s is refused with exit code 2", async (_, args, code, message) => {
    const error = await refused(args);
    expect(error).toMatchObject({ code, exit: 2, message: expect.stringMatching(message) });
    expect(error.message).not.toContain("secret");
    expect(error.message).not.toContain("\u001b");
  });

  test("a command that is nearly one is answered with a guess, on one line", async () => {
    expect((await refused(["nod"])).message).toBe("unknown command 'nod' (Did you mean node?)");
  });

  test.each([
    ["show", ["job", "show", "nope"], "JOB_NOT_FOUND"],
    ["next", ["job", "next", "nope"], "JOB_NOT_FOUND"],
    ["run", ["job", "run", "nope"], "JOB_NOT_FOUND"],
    ["remove", ["job", "remove", "nope"], "JOB_NOT_FOUND"],
    ["its runs", ["run", "list", "--job", "nope"], "JOB_NOT_FOUND"],
    ["a run", ["run", "show", "nope@1700000000000"], "RUN_NOT_FOUND"],
    ["the leader", ["leader"], "NO_LEADER"],
    ["a leader that could resign", ["leader", "--resign"], "NO_LEADER"],
    ["a node to drain", ["nodes", "drain", "nope"], "NODE_NOT_FOUND"],
    ["a node that is drained", ["nodes", "undrain", "nope"], "NODE_NOT_DRAINED"],
  ])("what there is not is said to be missing, with exit code 1: %s", async (_, args, code) => {
    expect(await refused(args)).toMatchObject({ code, exit: 1 });
  });

  test("nothing of all that was stored", async () => {
    const keys = await redis.client().keys(`escapement:{${namespace}}:*`);
    // Scripts note the time that they saw, whatever they are asked; of several partitions it may be settled how many there are.
    const beside = Number(process.env["ESCAPEMENT_PARTITIONS"] ?? 1) > 1 ? /:(clock|meta)$/ : /:clock$/;
    expect(keys.filter((key) => !beside.test(key))).toEqual([]);
  });
});

describe("a Redis that will not do", () => {
  test("that is down is named, without its password", async () => {
    const error = await refused(["job", "list"], { ESCAPEMENT_REDIS_URL: "redis://:secret@127.0.0.1:1" });
    expect(error).toMatchObject({
      code: "REDIS_UNAVAILABLE",
      exit: 1,
      message: expect.stringContaining("127.0.0.1:1"),
    });
    expect(error.message).not.toContain("secret");
  });

  test.skipIf(redisWay() === "url")("that answers nothing is given up", async () => {
    await using frozen = await startRedis();
    await frozen.freeze();
    const error = await refused(["node", "--allow-shell"], { ESCAPEMENT_REDIS_URL: frozen.url });
    expect(error).toMatchObject({ code: expect.stringMatching(/REDIS_(TIMEOUT|UNAVAILABLE)/), exit: 1 });
  });

  test.skipIf(redisWay() === "url")(
    "that refuses the password is told apart from one that is down",
    async () => {
      await using locked = await startRedis({ password: "right" });
      const url = locked.url.replace(":right@", ":wr0ng@");
      for (const args of [
        ["job", "list"],
        ["node", "--allow-shell"],
      ]) {
        const error = await refused(args, { ESCAPEMENT_REDIS_URL: url });
        expect(error).toMatchObject({ code: "REDIS_AUTH", exit: 1 });
        expect(error.message).not.toContain("wr0ng");
      }
    },
  );

  test("that lacks the database is never used with another one", async () => {
    // A cluster has one database, and its address names none.
    await using single = await startRedis();
    const own = uniqueNamespace("cli");
    const env = { ESCAPEMENT_REDIS_URL: `${single.url}/99`, ESCAPEMENT_NAMESPACE: own };
    for (const args of [
      ["job", "list"],
      ["node", "--allow-shell"],
    ]) {
      const error = await refused(args, env);
      expect(error).toMatchObject({
        code: "REDIS_UNUSABLE",
        exit: 1,
        message: expect.stringMatching(/database/),
      });
    }
    const said = await escapement(["doctor", "--json"], env);
    expect(said.code).toBe(1);
    expect((JSON.parse(said.out) as Finding[])[0]).toMatchObject({
      check: "connection",
      level: "error",
      message: expect.stringMatching(/database/),
    });
    expect(await single.client().keys(`escapement:{${own}}:*`)).toEqual([]);
  });

  test.skipIf(redisWay() === "url")(
    "that lets us read no INFO is told of in our own words only",
    async () => {
      await using guarded = await startRedis();
      await guarded.client().acl("SETUSER", "half", "on", ">pass", "~*", "&*", "+@all", "-info");
      const url = guarded.url.replace("redis://", "redis://half:pass@");
      const error = await refused(["node", "--allow-shell"], { ESCAPEMENT_REDIS_URL: url });
      expect(error).toMatchObject({ code: "REDIS_AUTH", exit: 1, message: expect.stringMatching(/ACL/) });
    },
  );

  test.skipIf(redisWay() === "url")("that is a replica is read, and not written to", async () => {
    await using master = await startRedis();
    await using replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(master.port)] });
    const own = uniqueNamespace("cli");
    await using client = createScheduler({ redis: master.url, namespace: own });
    await client.schedule("any", { id: "any", trigger: every("1h") });
    const env = { ESCAPEMENT_REDIS_URL: replica.url, ESCAPEMENT_NAMESPACE: own };
    await eventually(async () => (await escapement(["job", "show", "any"], env)).code === 0, {
      within: 15_000,
    });
    expect(await refused(["job", "run", "any"], env)).toMatchObject({ code: "REDIS_READONLY", exit: 1 });
    expect(await refused(["node", "--allow-shell"], env)).toMatchObject({ code: "REDIS_READONLY", exit: 1 });
  });

  test.skipIf(redisWay() === "url")("that is too old is refused, and told what would do", async () => {
    // A real server whose greeting says another version.
    await using old = await startRedis();
    const server = createServer((socket) => {
      const upstream = connect(old.port, "127.0.0.1");
      socket.pipe(upstream);
      upstream.on("data", (data) =>
        socket.write(
          Buffer.from(data.toString("latin1").replace(/(redis|valkey)_version:\d/, "$1_version:6"), "latin1"),
        ),
      );
      for (const end of [socket, upstream])
        end.on("error", () => {}).on("close", () => [socket, upstream].map((one) => one.destroy()));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const error = await refused(["node", "--allow-shell"], {
      ESCAPEMENT_REDIS_URL: `redis://127.0.0.1:${port}`,
    });
    expect(error).toMatchObject({
      code: "REDIS_UNUSABLE",
      exit: 1,
      message: expect.stringMatching(/too old.*7\.0/),
    });
    server.close();
  });
});

test("a reader that goes away is no failure", async () => {
  await using shell = await (await import("@escapement/testing")).startProcess(
    "sh",
    ["-c", `"${process.execPath}" bin/escapement.js --help | head -1; echo done`],
    { cwd: new URL("..", import.meta.url).pathname },
  );
  await shell.exited;
  expect(shell.lines).toEqual(["Usage: escapement [options] [command]", "done"]);
  expect(shell.errorLines).toEqual([]);
});

const lookers = [
  ...["events", "next", "top", "leader", "nodes", "completion", "crontab", "acl"].map((name) => [name]),
  ...["drain", "undrain"].map((name) => ["nodes", name]),
  ...["import", "export", "diff"].map((name) => ["crontab", name]),
];

test("help for each command fits 80 columns", { timeout: 180_000 }, async () => {
  for (const args of [[], ["node"], ["job"], ["job", "run"], ["run", "list"], ["doctor"], ...lookers]) {
    await using help = await start([...args, "--help"], {});
    expect(await help.exited).toEqual({ code: 0, signal: null });
    if (lookers.includes(args))
      expect(help.lines.join("\n"), args.join(" ")).toMatch(/^(Examples?:| {2}escapement )/m);
    for (const line of help.lines) expect(line.length, line).toBeLessThanOrEqual(80);
  }
});
