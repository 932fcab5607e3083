import { eventually, type JobStore, redisWay, startJobStore, startRedis } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, heard, ofFirst } from "../test/cluster.js";
import type { LeaderInfo, Scheduler } from "./index.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

// So long that nothing but the request ends a term.
const patient = { leaderTtl: 20_000, nodeTtl: 20_000, lookahead: 30_000 } as const;

async function leaderOf(client: Scheduler): Promise<LeaderInfo> {
  const found: (LeaderInfo | undefined)[] = [];
  await eventually(async () => found.unshift(await client.leader()) > 0 && found[0] !== undefined);
  return found[0] as LeaderInfo;
}

/** Nodes that could lead, the first of which does. */
async function nodes(cluster: Cluster, count: number, redis = cluster.server.url): Promise<Scheduler[]> {
  const all: Scheduler[] = [];
  for (let index = 0; index < count; index += 1) {
    const node = cluster.scheduler({ ...patient, redis: index === 0 ? redis : cluster.server.url });
    await node.start();
    await leaderOf(node);
    all.push(node);
  }
  return all;
}

describe("a leader that is asked to resign", () => {
  test("lets another node lead at once, and does not come back before it", async () => {
    await using cluster = new Cluster(server);
    const [first, second] = await nodes(cluster, 2);
    const client = cluster.scheduler();
    const { epoch } = await leaderOf(client);
    const ends = heard(first as Scheduler, "leaderLost");
    expect(await client.resignLeader()).toMatchObject({ node: second?.nodeId, epoch: epoch + 1 });
    expect(ofFirst(ends)).toEqual([{ node: first?.nodeId, epoch, reason: "resigned" }]);
    expect([first?.isLeader(), second?.isLeader()]).toEqual([false, true]);
    expect(await client.resignLeader()).toMatchObject({ node: first?.nodeId, epoch: epoch + 2 });
  });

  test("leads again in a new term, at once, where no other node could", async () => {
    await using cluster = new Cluster(server);
    const [only] = await nodes(cluster, 1);
    const client = cluster.scheduler();
    const worker = cluster.scheduler({ ...patient, roles: ["worker"] });
    await worker.start();
    const { epoch } = await leaderOf(client);
    expect(await client.resignLeader({ timeout: "5s" })).toMatchObject({
      node: only?.nodeId,
      epoch: epoch + 1,
    });
  });

  test("leaves a request about another term alone, and obeys one that comes twice once", async () => {
    await using cluster = new Cluster(server);
    const [first] = await nodes(cluster, 2);
    const client = cluster.scheduler();
    const { epoch } = await leaderOf(client);
    const ends = heard(first as Scheduler, "leaderLost");
    const publish = (term: string): Promise<number> =>
      server.client().publish(`escapement:{${cluster.namespace}}:wake`, `resign ${term}`);
    for (const term of [epoch - 1, epoch + 1, "", "all"]) await publish(String(term));
    for (let count = 0; count < 5; count += 1) await publish(String(epoch));
    expect((await client.resignLeader())?.epoch).toBeLessThanOrEqual(epoch + 2);
    expect(ofFirst(ends).filter((end) => end.epoch === epoch)).toHaveLength(1);
  });

  test.skipIf(redisWay() === "url")("is asked again when the request was lost", async () => {
    await using own = await startRedis();
    const admin = own.client();
    await admin.acl("SETUSER", "leader", "on", ">pass", "~*", "&*", "+@all");
    await using cluster = new Cluster(own);
    const [first] = await nodes(cluster, 2, own.url.replace("redis://", "redis://leader:pass@"));
    const client = cluster.scheduler();
    const { epoch } = await leaderOf(client);
    const ends = heard(first as Scheduler, "leaderLost");
    const wake = `escapement:{${cluster.namespace}}:wake`;
    const subscribers = async (): Promise<number> => Number((await admin.pubsub("NUMSUB", wake))[1]);
    // Redis takes the leader's subscriptions away with the permission.
    await admin.acl("SETUSER", "leader", "resetchannels");
    await eventually(async () => (await subscribers()) === 1);
    const listener = own.client();
    const requests: string[] = [];
    listener.on("message", (_, text) => requests.push(text));
    await listener.subscribe(wake);
    const asked = client.resignLeader({ timeout: 15_000 });
    await eventually(() => requests.filter((text) => text === `resign ${epoch}`).length >= 2);
    expect(ofFirst(ends)).toEqual([]);
    await admin.acl("SETUSER", "leader", "allchannels");
    await admin.client("KILL", "USER", "leader");
    expect((await asked)?.epoch).toBe(epoch + 1);
    expect(ofFirst(ends)).toEqual([{ node: first?.nodeId, epoch, reason: "resigned" }]);
  });

  test("and does not listen is told of when the time is over", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    const keys = `escapement:{${cluster.namespace}}:`;
    // What a process leaves that is frozen: its lease, and nobody who reads.
    await server.client().set(`${keys}leader`, "frozen", "PX", 60_000);
    await server.client().set(`${keys}epoch`, 7);
    await expect(client.resignLeader({ timeout: 300 })).rejects.toMatchObject({
      code: "LEADER_NOT_CHANGED",
      message: expect.stringMatching(/frozen still leads in term 7, 300 ms after/),
    });
    const asked = client.resignLeader({ timeout: 300 });
    await server.client().del(`${keys}leader`);
    await expect(asked).rejects.toMatchObject({
      code: "LEADER_NOT_CHANGED",
      message: expect.stringMatching(/leads no more, and no other/),
    });
  });

  test("and is none is answered with nothing; a time that is none is refused", async () => {
    await using cluster = new Cluster(server);
    const client = cluster.scheduler();
    expect(await client.resignLeader()).toBeUndefined();
    await expect(client.resignLeader({ timeout: "soon" })).rejects.toMatchObject({ path: "timeout" });
  });
});
