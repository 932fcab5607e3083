import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AclRole, aclRules } from "@escapement/redis";
import { neededCommands } from "@escapement/redis/internal";
import { type JobStore, onEach, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Cluster, partitions } from "../../test/cluster.js";
import type { Finding } from "../index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore({ appendonly: "everysec" });
});
afterAll(() => server.stop());

/** What the doctor finds wrong for a user with these rules. */
async function wrongFor(cluster: Cluster, ...rules: string[]): Promise<Finding[]> {
  const set = ["SETUSER", "limited", "reset", "on", ">pass", ...rules] as const;
  await onEach(server, (redis) => redis.acl(...set));
  const client = cluster.scheduler({ redis: server.url.replace("://", "://limited:pass@") });
  return (await client.doctor()).filter(({ check, level }) => check === "permissions" && level !== "ok");
}

test("12: a user with what Escapement needs lacks nothing, and is enough for a node", async () => {
  await using cluster = new Cluster(server);
  const rules = aclRules({ namespace: cluster.namespace, role: "node", partitions });
  expect(await wrongFor(cluster, ...rules)).toEqual([]);
  const node = cluster.scheduler({ redis: server.url.replace("://", "://limited:pass@") });
  node.task("task", ({ id }) => id);
  await node.start();
  const run = await node.enqueue("task");
  expect(await run.result({ timeout: 5000 })).toBe(run.id);
  expect((await run.get())?.state).toBe("succeeded");
});

test.each<[string, string[], RegExp]>([
  [
    "scripts",
    ["+@all", "-@scripting", "~*", "&*"],
    /commands, to be granted as \+eval_ro \+evalsha_ro \+eval \+evalsha\./,
  ],
  ["one command that only scripts call", ["+@all", "-hincrby", "~*", "&*"], /to be granted as \+hincrby\./],
  [
    "keys",
    ["+@all", "~other:*", "&*"],
    /keys, such as escapement:\{\S+\}:\w+, .* grant ~escapement:\{\S+\}:\*/,
  ],
  ["writing some keys", ["+@all", "%R~*", "~*:jobs", "&*"], /keys, such as/],
  ["one command of an observer", ["+@all", "-hget", "%R~*", "&*"], /to be granted as \+hget\b/],
  [
    "one command that writes",
    ["+@all", "-hset", "~*", "&*"],
    /to be granted as \+hset\.$|to be granted as \+hset\. See/,
  ],
  [
    "some keys",
    ["+@all", "~escapement:*:[^l]*", "&*"],
    /keys, such as escapement:\{\S+\}:limited, \S+:leader, \S+:lending: grant/,
  ],
  [
    "channels",
    ["+@all", "~*", "resetchannels"],
    /channels, escapement:\{\S+\}:wake, \S+:leader:resigned: grant &/,
  ],
  ["subscribing", ["+@all", "-subscribe", "~*", "&*"], /to be granted as \+subscribe\./],
  ["transactions", ["+@all", "-multi", "~*", "&*"], /may not use transactions.*grant \+multi,/],
])("12: a user without %s is told what is missing", async (_, rules, pattern) => {
  await using cluster = new Cluster(server);
  const [finding] = await wrongFor(cluster, ...rules);
  expect(finding).toMatchObject({ level: "error", message: expect.stringMatching(pattern) });
});

test.each<[AclRole, RegExp]>([
  ["client", /^The user may define, trigger, pause and read, as a client\./],
  ["observer", /^The user may read everything and change nothing, as an observer\./],
])("12: who has the rules of a %s is told what that is, as a warning", async (role, pattern) => {
  await using cluster = new Cluster(server);
  const findings = await wrongFor(cluster, ...aclRules({ namespace: cluster.namespace, role, partitions }));
  expect(findings).toEqual([
    { check: "permissions", level: "warning", message: expect.stringMatching(pattern) },
  ]);
});

test("12: a user who may read nothing is told so once, with what was not looked at", async () => {
  await using cluster = new Cluster(server);
  const findings = await wrongFor(cluster, "+@all", "-@read", "~*", "&*");
  expect(findings).toHaveLength(2);
  expect(findings[0]?.message).toMatch(/to be granted as .*\+hgetall/);
  expect(findings[1]?.message).toMatch(/^Not looked at, .*nodes, .*leader/);
});

test("trying commands writes nothing, also where the user may do all", async () => {
  await using cluster = new Cluster(server);
  await cluster.scheduler().doctor();
  expect(await server.client().keys(`*${cluster.namespace}*`)).toEqual([]);
});

test("no script calls a command that is not tried", () => {
  const tried = new Set(neededCommands.map((text) => text.split(" ")[0]));
  const called = ["core", "elector", "redis"].flatMap((name) => {
    const folder = join(import.meta.dirname, "../../..", name, "src");
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".lua"))
      .flatMap((file) =>
        [...readFileSync(join(folder, file), "utf8").matchAll(/(?:call|in_chunks)\([^')]*'([A-Z]+)'/g)].map(
          ([, command]) => command,
        ),
      );
  });
  expect(called.length).toBeGreaterThan(300);
  expect([...new Set(called)].filter((command) => !tried.has(command))).toEqual([]);
});
