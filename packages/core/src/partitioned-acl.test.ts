import { type AclRole, aclRoles, aclRules } from "@escapement/redis";
import { createKeys } from "@escapement/redis/internal";
import { eventually, type JobStore, onEach, type StoreClient, startJobStore } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import { asks, lively } from "../test/life.js";
import { movePartitions } from "./index.js";

let server: JobStore;
let redis: StoreClient;
beforeAll(async () => {
  server = await startJobStore({ appendonly: "everysec" });
  redis = server.client();
});
afterAll(() => server.stop());
beforeEach(() => onEach(server, (redis) => redis.acl("LOG", "RESET")));

async function userFor(
  role: AclRole,
  namespace: string,
  partitions: number,
  ...more: string[]
): Promise<string> {
  const rules = [...aclRules({ namespace, role, partitions }), ...more];
  const set = ["SETUSER", "limited", "on", ">pass", ...rules] as const;
  await onEach(server, (redis) => redis.acl(...set));
  return server.url.replace("://", "://limited:pass@");
}
async function refusals(): Promise<string[]> {
  const logs = await onEach(server, (redis) => redis.acl("LOG") as Promise<string[][]>);
  return logs
    .flat()
    .map((entry) => `${entry[entry.indexOf("context") + 1]} ${entry[entry.indexOf("object") + 1]}`);
}

test.each([1, 2, 10, 11, 100, 101, 256])(
  "rules for %d partitions are of all of these, and of no other namespace",
  async (partitions) => {
    await using cluster = new Cluster(server);
    const { namespace } = cluster;
    const may = (command: string, ...args: string[]): Promise<unknown> =>
      redis.call("ACL", "DRYRUN", "limited", command, ...args) as Promise<unknown>;
    const last = partitions - 1;
    const others = [
      `${namespace}2`,
      `${namespace}:a`,
      `${namespace}:1a`,
      `${namespace}:a1`,
      `${namespace}:1:a`,
      `a${namespace}`,
    ];
    for (const role of aclRoles) {
      await userFor(role, namespace, partitions);
      const [command, name] = { voter: ["GET", "lock:a#1"], operator: ["SET", "pause:all"] }[
        role as string
      ] ?? ["HGET", "jobs"];
      const rest = command === "SET" ? ["x"] : command === "HGET" ? ["x"] : [];
      for (const partition of new Set([0, Math.min(1, last), Math.floor(last / 2), last]))
        expect(
          await may(command ?? "", `${createKeys(namespace, partition).prefix}${name}`, ...rest),
          role,
        ).toBe("OK");
      for (const other of others)
        expect(
          String(await may(command ?? "", `escapement:{${other}}:${name}`, ...rest)),
          `${role} ${other}`,
        ).toMatch(/no permissions|can't|permission/);
      if (role !== "node") continue;
      expect(await may("PUBLISH", createKeys(namespace, last).wake, "x")).toBe("OK");
      expect(String(await may("PUBLISH", `escapement:{${namespace}:1a}:wake`, "x"))).toMatch(/permission/);
    }
    for (const wrong of [0, 257, 1.5])
      expect(() => aclRules({ namespace, role: "node", partitions: wrong })).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION" }),
      );
  },
);

test("they are enough for the life of a cluster, and with SCAN to move it", { timeout: 90_000 }, async () => {
  await using cluster = new Cluster(server);
  const { namespace } = cluster;
  const options = { redis: await userFor("node", namespace, 3), partitions: 3 };
  const [node, client] = [lively(cluster, options), cluster.scheduler(options)];
  await node.start();
  for (const id of ["often", "b", "c", "d", "e"])
    await client.schedule("plain", { id, trigger: every("1s"), tags: ["t"] });
  const runs = await client.enqueueMany(
    "plain",
    Array.from({ length: 9 }, (_, input) => ({ input })),
  );
  for (const run of runs) await run.result({ timeout: 10_000 });
  await client.enqueue("fails", { id: "dead" });
  await client.pause({ tag: "t" }, { reason: "stop" });
  await client.resume({ tag: "t" });
  await eventually(async () => (await client.leaders()).length === 3, { within: 20_000 });
  await asks(client, runs[0]?.id ?? "");
  await eventually(async () => (await client.deadLetters()).length === 1);
  await client.redrive();
  await client.group({ tag: "t" }).remove();
  await node.stop({ timeout: 10 });
  expect(await refusals()).toEqual([]);
  const url = await userFor("node", namespace, 256, "+scan");
  await movePartitions({ redis: url, namespace }, { to: 12 });
  await movePartitions({ redis: url, namespace }, { to: 1 });
  expect(await refusals()).toEqual([]);
});
