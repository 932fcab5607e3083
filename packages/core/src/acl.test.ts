import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AclRole, aclRules } from "@escapement/redis";
import { createKeys, neededCommands } from "@escapement/redis/internal";
import {
  eventually,
  type JobStore,
  onEach,
  redisWay,
  type StoreClient,
  startJobStore,
  startVoters,
  uniqueNamespace,
} from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Cluster, idsTogether, partitions } from "../test/cluster.js";
import { asks, clientsLaterLife, clientsLife, lively } from "../test/life.js";
import { examinePermissions } from "./doctor/permissions.js";
import type { Inspection } from "./doctor/picture.js";
import type { Scheduler } from "./index.js";
import { Store } from "./store.js";

let server: JobStore;
let redis: StoreClient;
beforeAll(async () => {
  server = await startJobStore({ appendonly: "everysec" });
  redis = server.client();
});
afterAll(() => server.stop());
beforeEach(() => onEach(server, (redis) => redis.acl("LOG", "RESET")));

/** Makes a user with these rules, and answers the address by which it is used. */
async function userWith(rules: readonly string[], at: JobStore = server): Promise<string> {
  const set = ["SETUSER", "limited", "on", ">pass", ...rules] as const;
  await onEach(at, (redis) => redis.acl(...set));
  return at.url.replace("://", "://limited:pass@");
}
const userFor = (role: AclRole, namespace: string): Promise<string> =>
  userWith(aclRules({ namespace, role, partitions }));

/** What was refused since the last test: commands, keys and channels. */
async function refusals(of: JobStore = server): Promise<string[]> {
  const logs = await onEach(of, (redis) => redis.acl("LOG") as Promise<string[][]>);
  return logs
    .flat()
    .map((entry) => `${entry[entry.indexOf("context") + 1]} ${entry[entry.indexOf("object") + 1]}`);
}

/** A plain connection of the user that there is at present, to where the first partition lives. */
async function asLimited(namespace: string): Promise<StoreClient> {
  const master = await server.masterOf(createKeys(namespace).meta);
  const user = { username: "limited", password: "pass" };
  return master.client({ ...user, enableReadyCheck: false, disableClientInfo: true });
}

/** Waits until runs of all kinds have ended. */
async function seen(scheduler: Scheduler): Promise<void> {
  await eventually(async () => (await scheduler.job("retried").history()).length > 1, { within: 20_000 });
  await eventually(async () => (await scheduler.job("child").history()).length > 0, { within: 20_000 });
  await eventually(async () => ((await scheduler.job("bad").get())?.pauses ?? []).length > 0, {
    within: 20_000,
  });
}

test("a node's rules are enough for the whole life of a cluster", async () => {
  await using cluster = new Cluster(server);
  const { namespace } = cluster;
  const url = await userFor("node", namespace);
  const [one, two, asking] = [
    lively(cluster, { redis: url }),
    lively(cluster, { redis: url }),
    cluster.scheduler({ redis: url }),
  ];
  await Promise.all([one.start(), two.start()]);
  await clientsLife(asking);
  await seen(asking);
  await asking.resignLeader();
  // What the sweeper, and whoever takes over from a dead node, mend.
  const [id = ""] = idsTogether(1);
  const lost = await asking.enqueue("plain", { id, delay: "1h" });
  const { prefix } = cluster.keysOf(lost.id);
  await redis.zrem(`${prefix}waiting`, lost.id);
  await redis.zadd(`${prefix}nodes`, 1, "gone");
  await redis.hset(`${prefix}active:gone`, "often@1767225600000", `1 1 1 1 plain`);
  await eventually(async () => (await redis.exists(`${prefix}active:gone`)) === 0, { within: 20_000 });
  await eventually(async () => (await redis.exists(`${prefix}mended`)) === 1, { within: 20_000 });
  await clientsLaterLife(asking);
  const findings = await asking.doctor();
  expect(findings.filter(({ check }) => check === "permissions")).toEqual([
    { check: "permissions", level: "ok", message: "The user may do all that Escapement needs." },
  ]);
  await Promise.all([one.stop({ timeout: 10 }), two.stop({ timeout: 10 })]);
  expect(await refusals()).toEqual([]);
});

test("a client's rules are enough for all that a client does, and lead nothing, hand out nothing and report nothing", async () => {
  await using cluster = new Cluster(server);
  const { namespace } = cluster;
  const url = await userFor("client", namespace);
  const [node, asking] = [lively(cluster, {}), cluster.scheduler({ redis: url })];
  await node.start();
  await clientsLife(asking);
  await seen(asking);
  await asking.resignLeader();
  await clientsLaterLife(asking);
  expect(await refusals()).toEqual([]);
  const limited = await asLimited(namespace);
  for (const kind of [
    "leader",
    "fence",
    "node-info",
    "active:x",
    "request:x",
    "lock:x#1",
    "log:x",
    "progress",
    "mended",
  ])
    await expect(limited.set(`escapement:{${namespace}}:${kind}`, "x"), kind).rejects.toThrow(/NOPERM/);
  const own = cluster.scheduler({ redis: url });
  own.task("plain", () => undefined);
  await expect(own.start()).rejects.toMatchObject({ code: "REDIS_AUTH" });
});

test("an observer's rules are enough for every question, and change nothing", async () => {
  await using cluster = new Cluster(server);
  const node = lively(cluster, {});
  await node.start();
  await clientsLife(node);
  const url = await userFor("observer", cluster.namespace);
  const asking = cluster.scheduler({ redis: url });
  await asks(asking, "none");
  expect(await refusals()).toEqual([]);
  await node.stop({ timeout: 10 });
  const findings = await asking.doctor();
  expect(findings.map(({ check }) => check)).toEqual(
    expect.arrayContaining(["version", "leader", "nodes", "pauses"]),
  );
  expect(findings.find(({ message }) => /Not looked at/.test(message))).toBeUndefined();
  const before = await everything(cluster.namespace);
  const job = asking.job("often");
  for (const change of [
    () => asking.schedule("plain", { id: "new", trigger: every("1h") }),
    () => asking.enqueue("plain"),
    () => asking.pause("all", { reason: "x" }),
    () => asking.resume("all"),
    () => job.remove(),
    () => job.runNow(),
    () => asking.run("delayed").cancel(),
    () => asking.redrive(),
    () => asking.start(),
  ])
    await expect(change(), String(change)).rejects.toMatchObject({ code: "REDIS_AUTH" });
  expect(await everything(cluster.namespace)).toEqual(before);
});

/** All keys but those that go by themselves within a minute, such as who has lately resigned. */
async function everything(namespace: string): Promise<unknown> {
  const keys = (await redis.keys(`escapement:{${namespace}*}:*`)).sort();
  const ends = await Promise.all(keys.map((key) => redis.pttl(key)));
  const stay = keys.filter((_, index) => (ends[index] ?? -1) < 0 || (ends[index] ?? 0) > 60_000);
  return Promise.all(stay.map(async (key) => [key, (await redis.dumpBuffer(key))?.toString("hex")]));
}

test("an operator's rules set, look at and delete the keys of pauses, which pauses, and do nothing else", async () => {
  await using cluster = new Cluster(server);
  const { namespace } = cluster;
  const prefix = `escapement:{${namespace}}:`;
  await userFor("operator", namespace);
  const limited = await asLimited(namespace);
  const node = cluster.scheduler();
  node.task("task", ({ id }) => id);
  await node.start();
  const key = `${prefix}pause:all`;
  await limited.set(key, "database maintenance", "EX", 3600);
  const run = await node.enqueue("task");
  await eventually(async () => (await node.pauses()).length === 1);
  expect(await limited.get(key)).toBe("database maintenance");
  expect(await limited.ttl(key)).toBeGreaterThan(3000);
  await limited.expire(key, 7200);
  expect((await run.get())?.state).not.toBe("succeeded");
  await limited.del(key);
  expect(await run.result({ timeout: 10_000 })).toBe(run.id);
  for (const name of ["jobs", "due", "leader", "pauses", "paused", "paused-by:x", "clock"])
    for (const [command, ...args] of [
      ["GET", prefix + name],
      ["SET", prefix + name, "x"],
      ["DEL", prefix + name],
    ] as const)
      await expect(limited.call(command, ...args), `${command} ${name}`).rejects.toThrow(/NOPERM/);
  for (const [name, ...args] of [
    ["SET", `escapement:{${namespace}2}:pause:all`, "x"],
    ["EVAL", "return redis.call('DEL', KEYS[1])", "1", key],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["FLUSHALL"],
    ["CONFIG", "GET", "*"],
    ["PUBLISH", `${prefix}wake`, "0"],
    ["RENAME", key, `${prefix}jobs`],
    ["MONITOR"],
  ] as const)
    await expect(limited.call(name as string, ...args), name).rejects.toThrow(/NOPERM/);
});

test.skipIf(redisWay() === "url")(
  "a voter's rules are enough for locks, and reach nothing else",
  async () => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    await using voters = await startVoters(3, { appendonly: "everysec" });
    const rules = aclRules({ namespace, role: "voter", partitions });
    const urls = await Promise.all(voters.servers.map((voter) => userWith(rules, voter)));
    const node = cluster.scheduler({ voters: urls });
    node.task("task", ({ extend }) => extend());
    await node.start();
    const run = await node.enqueue("task", { input: 1 });
    await run.result({ timeout: 10_000 });
    expect((await node.doctor()).filter(({ check }) => check === "voters")).toMatchObject([{ level: "ok" }]);
    await node.stop();
    for (const voter of voters.servers) {
      const admin = voter.client();
      expect(await refusals(voter)).toEqual([]);
      expect(await admin.keys("*")).toEqual([cluster.keysOf(run.id).lock(run.id, 1)]);
      const limited = voter.client({ username: "limited", password: "pass" });
      for (const [command, ...args] of [
        ["SET", `escapement:{${namespace}}:jobs`, "x"],
        ["KEYS", "*"],
        ["PUBLISH", "x", "y"],
      ] as const)
        await expect(limited.call(command, ...args), command).rejects.toThrow(/NOPERM/);
    }
  },
);

describe("of a node's rules", () => {
  const sources = ["core", "elector", "redis"].flatMap((name) => {
    const folder = join(import.meta.dirname, "../..", name, "src");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    return files
      .filter((file) => /(?<!\.test)\.(lua|ts)$/.test(file) && !file.endsWith("acl.ts"))
      .map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));
  });
  const commands = neededCommands.map((text) => (text.split(" ", 1)[0] ?? "").toLowerCase());

  test("each is called by something", () => {
    const isCalled = (command: string): boolean => {
      const inLua = new RegExp(`(?:call|direct|in_chunks)\\([^')]*'${command.toUpperCase()}'`);
      const inCode = new RegExp(`\\.${command}\\(`);
      return sources.some(({ file, text }) => (file.endsWith(".lua") ? inLua : inCode).test(text));
    };
    expect(commands.length).toBeGreaterThan(50);
    expect(commands.filter((command) => !isCalled(command))).toEqual([]);
  });

  test("each that is taken away is missed by the doctor, by its name", async () => {
    const namespace = uniqueNamespace("acl");
    const redis = await userFor("node", namespace);
    const retention = { runs: 1, enqueued: 1, age: 1000, logAge: 1000 };
    const store = new Store({ redis, namespace, retention, deadline: 5000, leaseDeadline: 5000 });
    try {
      for (const command of [...commands, "subscribe", "multi"]) {
        await userWith([`-${command}`]);
        const [finding] = await examinePermissions({ store } as Inspection);
        const message = expect.stringMatching(new RegExp(`\\+${command}\\b`));
        expect(finding, command).toMatchObject({ level: "error", message });
        await userWith([`+${command}`]);
      }
      expect(await examinePermissions({ store } as Inspection)).toMatchObject([{ level: "ok" }]);
    } finally {
      store.close();
    }
  });
});
