import { createKeys } from "@escapement/redis/internal";
import { eventually, type JobStore, startJobStore } from "@escapement/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../test/cluster.js";
import type { PartitionLeader, Scheduler } from "./index.js";
import { settingsOf } from "./options.js";
import { Placement, preferred } from "./placement.js";
import { Store } from "./store.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

const partitions = 8;
const all = Array.from({ length: partitions }, (_, partition) => partition);

describe("who should lead a partition", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9]{12}$/), { minLength: 1, maxLength: 8 });

  test("does not depend on the order in which nodes are listed", () => {
    fc.assert(
      fc.property(names, fc.nat(255), (nodes, partition) => {
        expect(preferred(partition, [...nodes].reverse())).toBe(preferred(partition, nodes));
      }),
    );
  });

  test("changes with a node that goes only where that one led, and with one that comes only to that one", () => {
    fc.assert(
      fc.property(names, fc.nat(255), (nodes, partition) => {
        const [gone, ...rest] = nodes;
        const [before, after] = [preferred(partition, nodes), preferred(partition, rest)];
        if (before !== gone) expect(after).toBe(before);
      }),
    );
  });

  test("is each of three nodes, for some of 64 partitions", () => {
    const nodes = ["one", "two", "three"];
    const led = new Set(Array.from({ length: 64 }, (_, partition) => preferred(partition, nodes)));
    expect([...led].sort()).toEqual([...nodes].sort());
  });
});

describe("leaders of several partitions", () => {
  // So long that nothing but a resignation ends a term.
  const patient = { leaderTtl: 20_000, lookahead: 30_000, nodeTtl: 3000, partitions } as const;

  const leaders = (cluster: Cluster): Promise<(string | null)[]> =>
    Promise.all(
      all.map((partition) => cluster.server.client().get(createKeys(cluster.namespace, partition).leader)),
    );

  const start = async (cluster: Cluster, options = {}): Promise<Scheduler> => {
    const node = cluster.scheduler({ ...patient, ...options });
    await node.start();
    return node;
  };

  test("are spread over the nodes as they come, and over those that are left when one leaves", async () => {
    await using cluster = new Cluster(server);
    const first = await start(cluster);
    await eventually(async () => (await leaders(cluster)).every((node) => node === first.nodeId));
    const others = [await start(cluster), await start(cluster)];
    await start(cluster, { roles: ["worker"] }); // it could lead nothing
    const ids = [first, ...others].map(({ nodeId }) => nodeId ?? "");
    const wanted = all.map((partition) => preferred(partition, ids));
    await eventually(async () => expect(await leaders(cluster)).toEqual(wanted), { within: 20_000 });
    const [leaving, staying] = others as [Scheduler, Scheduler];
    await leaving.stop();
    const left = [first.nodeId, staying.nodeId];
    // At once: the leases last for 20 s.
    await eventually(async () => expect(left).toEqual(expect.arrayContaining(await leaders(cluster))), {
      within: 5000,
    });
  });

  test.each([1, partitions])(
    "of %d are others before the leases of one that is stopped would have ended",
    async (count) => {
      await using cluster = new Cluster(server);
      const nodes = [
        await start(cluster, { partitions: count }),
        await start(cluster, { partitions: count }),
      ];
      const client = cluster.scheduler({ partitions: count });
      const all = async (): Promise<PartitionLeader[]> => {
        const leaders = await client.leaders();
        expect(leaders).toHaveLength(count);
        return leaders;
      };
      await eventually(all, { within: 20_000 });
      const leaders = await all();
      const leaving = nodes.find(({ nodeId }) => nodeId === leaders[0]?.node);
      const ends = leaders.filter(({ node }) => node === leaving?.nodeId).map(({ leaseUntil }) => leaseUntil);
      await leaving?.stop();
      await eventually(
        async () => expect((await all()).map(({ node }) => node)).not.toContain(leaving?.nodeId),
        {
          within: 20_000,
        },
      );
      const [seconds, microseconds] = await cluster.server.client().time();
      expect(Number(seconds) * 1000 + Number(microseconds) / 1000).toBeLessThan(
        Math.min(...ends.map(Number)),
      );
    },
  );

  test("are not those that were asked to let others lead, or that stood still, a minute ago", async () => {
    await using cluster = new Cluster(server);
    const nodes = [await start(cluster), await start(cluster)];
    const ids = nodes.map(({ nodeId }) => nodeId ?? "");
    const best = preferred(0, ids) ?? "";
    const other = ids.find((id) => id !== best) ?? "";
    const store = new Store({
      ...settingsOf({ redis: server.url }),
      namespace: cluster.namespace,
      partitions,
      leaseDeadline: 1000,
    });
    const look = async (): Promise<(string | undefined)[]> => {
      const placement = new Placement(store, other, 3000);
      const found: (string | undefined)[] = [];
      while (found.length < 3) {
        placement.nextLook = 0;
        found.push(await placement.look());
      }
      return found;
    };
    // Only what it sees twice is certain; it makes way once.
    expect(await look()).toEqual([undefined, best, undefined]);
    const client = cluster.scheduler({ partitions });
    await eventually(async () => (await client.leader())?.node === best, { within: 20_000 });
    await client.resignLeader();
    await eventually(async () =>
      (await client.nodes()).some(({ id, resignedAt }) => id === best && resignedAt),
    );
    expect(await look()).toEqual([undefined, undefined, undefined]);
    store.close();
  });
});
