import { eventually } from "@escapement/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fact, openEvidence } from "../evidence/evidence.js";
import { seededRandom } from "../random.js";
import { singleServer } from "../topologies/single.js";
import { Trial } from "../trial.js";
import { type FaultKind, nothingHappened } from "./fault.js";
import { faultKinds } from "./index.js";
import { type InjectedFault, inject } from "./inject.js";

let trial: Trial;
beforeAll(async () => {
  trial = await Trial.start({ nodes: 0, topology: () => singleServer("single") });
});
afterAll(() => trial?.[Symbol.asyncDispose]());

function happen(
  kind: FaultKind,
  target: string,
  lasts: number,
  { seed = 1, patience = 0 }: { readonly seed?: number; readonly patience?: number } = {},
): Promise<InjectedFault> {
  return inject(trial, seededRandom(seed), { kind, target, at: 0, lasts }, patience);
}

/** Takes something down as a node. */
function takeDown(node: string, fact: Fact): void {
  const evidence = openEvidence(trial.evidence.fileOf(node), node);
  evidence.write(fact);
  evidence.close();
}

function kindNamed(name: string): FaultKind {
  const kind = faultKinds.find((one) => one.name === name);
  if (kind === undefined) throw new Error(`There is no kind ${name}`);
  return kind;
}

/** Uses the connection of a node again and again, as a node does, while something happens. */
async function underTraffic(node: string, happens: () => Promise<InjectedFault>): Promise<InjectedFault> {
  const { store } = await trial.topology.linkOf(node);
  const client = new Redis(store[0]?.url ?? "", { retryStrategy: () => 20 });
  client.on("error", () => undefined);
  await client.ping();
  const timer = setInterval(
    () => void client.eval("return ARGV[1]", 0, "x".repeat(1000)).catch(() => undefined),
    5,
  );
  try {
    return await happens();
  } finally {
    clearInterval(timer);
    client.disconnect();
  }
}

/** Writes until that is refused. */
async function refused(client: Redis, error: string): Promise<void> {
  const set = (): Promise<string> => client.set("key", "value").catch(String);
  await eventually(async () => (await set()).includes(error), { every: 5 });
}

const linkFaults = [
  "half-open",
  "cut",
  "lost-replies",
  "late-replies",
  "lost-requests",
  "late-requests",
  "slow",
  "narrow",
  "refused",
];

for (const [index, name] of linkFaults.entries()) {
  test(`${name}: counts where there was something to hit, and not where there was nothing`, async () => {
    const node = `node-${index}`;
    expect(await happen(kindNamed(name), node, 1)).toMatchObject({ proof: "" });
    const hit = await underTraffic(node, () => happen(kindNamed(name), node, 300));
    expect(hit.proof).toMatch(/\d/);
  });
}

test("cut-after-request: counts where a request of its kind was sent, and nothing is cut after it is over", async () => {
  const missed = await underTraffic("none", () => happen(kindNamed("cut-after-request"), "none", 50));
  const [proxy] = (await trial.topology.linkOf("none")).store;
  expect(missed.proof).toBe("");
  const client = new Redis(proxy?.url ?? "");
  await client.ping();
  const before = proxy?.accepted;
  for (const text of ["evalsha", "}:request:", "}:node-info", "}:leader"]) await client.echo(text);
  expect(proxy?.accepted).toBe(before);
  client.disconnect();
});

test("script-flush: counts where scripts were forgotten and missed", async () => {
  const client = trial.redis.client();
  await client.script("FLUSH");
  expect(await happen(kindNamed("script-flush"), "store-0", 1)).toMatchObject({ proof: "" });
  const sha = (await client.script("LOAD", "return 1")) as string;
  const flushed = happen(kindNamed("script-flush"), "store-0", 1);
  await eventually(
    async () =>
      client.evalsha(sha, 0).then(
        () => false,
        () => true,
      ),
    { every: 1 },
  );
  expect((await flushed).proof).toContain("1 cached scripts became 0");
  client.disconnect();
});

test("memory-full: counts where something was refused, and there is room again after it", async () => {
  const client = trial.redis.client();
  expect(await happen(kindNamed("memory-full"), "store-0", 1)).toMatchObject({ proof: "" });
  const full = happen(kindNamed("memory-full"), "store-0", 300);
  await refused(client, "OOM");
  expect((await full).proof).toMatch(/OOM was answered \d+ times/);
  expect(await client.set("key", "value")).toBe("OK");
  client.disconnect();
});

test("read-only: counts where a write was refused, and no data goes", async () => {
  const client = trial.redis.client();
  await client.set("kept", "yes");
  expect(await happen(kindNamed("read-only"), "store-0", 1)).toMatchObject({ proof: "" });
  const refusing = happen(kindNamed("read-only"), "store-0", 500);
  await refused(client, "READONLY");
  expect((await refusing).proof).toMatch(/READONLY was answered \d+ times/);
  expect(await client.get("kept")).toBe("yes");
  expect(await client.set("key", "value")).toBe("OK");
  client.disconnect();
});

for (const name of ["client-kill", "client-pause", "redis-restart", "redis-kill", "redis-freeze"])
  test(`${name}: tells what was seen of it, and the server answers as usual afterwards`, async () => {
    await trial.redis.client().ping();
    expect((await happen(kindNamed(name), "store-0", 300)).proof).toMatch(/\d/);
    await eventually(async () => (await trial.redis.client().ping()) === "PONG");
  });

test("busy-script: counts where somebody was told BUSY, or waited for as long", async () => {
  const [told, waits] = [{ seed: 0 }, { seed: 1 }]; // what the script's caller chooses
  const busy = kindNamed("busy-script");
  expect(await happen(busy, "store-0", 300, told)).toMatchObject({ proof: "" });
  const asked = await underTraffic("busy", () => happen(busy, "store-0", 400, told));
  expect(asked.proof).toMatch(/BUSY was answered [1-9]\d* times/);
  expect((await happen(busy, "store-0", 300, waits)).proof).toMatch(/a PING was answered after [2-9]\d\d ms/);
  await eventually(async () => (await trial.redis.client().ping()) === "PONG");
});

test("what is deleted counts where it was there", async () => {
  const client = trial.redis.client();
  const prefix = `escapement:{${trial.client.namespace}}:`;
  expect(await happen(kindNamed("leader-lease-deleted"), "leader-lease", 1)).toMatchObject({ proof: "" });
  expect(await happen(kindNamed("locks-deleted"), "locks", 1)).toMatchObject({ proof: "" });
  await client.mset(`${prefix}leader`, "node", `${prefix}lock:a#1`, "token", `${prefix}lock:b#1`, "token");
  await client.set(`${prefix}epoch`, 7);
  const lost = (epoch: number, reason: string): Fact => {
    return { kind: "event", event: "leaderLost", details: { node: "id", epoch, reason } };
  };
  const deleted = happen(kindNamed("leader-lease-deleted"), "leader-lease", 1);
  takeDown("n1", lost(6, "refused"));
  await eventually(async () => (await client.exists(`${prefix}leader`)) === 0, { every: 5 });
  takeDown("n1", lost(7, "refused"));
  expect((await deleted).proof).toMatch(/answered 1, and it was gone; n1 was refused the lease of term 7$/);
  expect((await happen(kindNamed("locks-deleted"), "locks", 1)).proof).toContain("answered 2");
  expect(await client.exists(`${prefix}leader`, `${prefix}lock:a#1`, `${prefix}lock:b#1`)).toBe(0);
  client.disconnect();
});

test("a leader's lease that was deleted counts by what came of that, and not by what came of something else", async () => {
  const client = trial.redis.client();
  const prefix = `escapement:{${trial.client.namespace}}:`;
  const deletedIn = async (term: number, left: number, then: Fact, after = 0): Promise<string> => {
    await client.set(`${prefix}epoch`, term);
    await client.set(`${prefix}leader`, "node", "PX", left);
    const deleted = happen(kindNamed("leader-lease-deleted"), "leader-lease", 1);
    await eventually(async () => (await client.exists(`${prefix}leader`)) === 0, { every: 5 });
    await trial.lasts(after + 1);
    takeDown("n2", then);
    return (await deleted).proof;
  };
  const closed = { kind: "event", event: "leaderLost", details: { epoch: 20, reason: "closed" } } as const;
  expect(await deletedIn(20, 5000, closed)).toBe("");
  expect(await deletedIn(30, 5000, { kind: "elected", epoch: 31 })).toMatch(
    /n2 led in term 31 \d+ ms before/,
  );
  // That term might have begun then anyway.
  expect(await deletedIn(40, 500, { kind: "elected", epoch: 41 }, 800)).toBe("");
  client.disconnect();
}, 20_000);

test("what nobody noticed does not count: a connection that was reset and not missed, a lease after which nobody led", async () => {
  const client = trial.redis.client();
  const { store } = await trial.topology.linkOf("silent");
  const silent = new Redis(store[0]?.url ?? "", { retryStrategy: () => null });
  silent.on("error", () => undefined);
  await silent.ping();
  await client.set(`escapement:{${trial.client.namespace}}:leader`, "node");
  const unnoticed = await Promise.all([
    happen(kindNamed("cut"), "silent", 1),
    happen(kindNamed("leader-lease-deleted"), "leader-lease", 1),
  ]);
  expect(unnoticed.map(({ proof }) => proof)).toEqual(["", ""]);
  expect(silent.status).toBe("end");
  silent.disconnect();
  client.disconnect();
}, 20_000);

test("a leader's fault does not count while nobody leads", async () => {
  expect(await happen(kindNamed("leader-kill"), "leader", 1)).toMatchObject({ proof: "" });
});

test("a fault that finds nothing to hit waits for it, for as long as it is patient, and leaves alone meanwhile what it had", async () => {
  const hits: FaultKind = {
    name: "hits",
    targets: () => [],
    lasts: [1, 1],
    begin: async () => ({ proof: () => "hit" }),
  };
  const both = { kind: hits, target: "five", others: ["four"], at: 0, lasts: 1 };
  const long = happen(hits, "four", 600);
  const [waits, gives, other] = await Promise.all([
    inject(trial, seededRandom(1), both, 5000),
    inject(trial, seededRandom(1), both, 200),
    happen(hits, "five", 1),
  ]);
  const { until } = await long;
  expect([waits.proof, gives.proof, other.proof]).toEqual(["hit", "", "hit"]);
  expect(waits.at).toBeGreaterThanOrEqual(until - 1);
  const client = trial.redis.client();
  const locks = happen(kindNamed("locks-deleted"), "locks", 1, { patience: 5000 });
  await trial.lasts(200);
  await client.set(`escapement:{${trial.client.namespace}}:lock:c#1`, "token");
  expect((await locks).proof).toContain("answered 1");
  client.disconnect();
});

test("nothing befalls what another fault still befalls, whether it was planned or chosen when it happened", async () => {
  const begun: string[] = [];
  const chooses: FaultKind = {
    name: "chooses",
    targets: () => ["chosen"],
    lasts: [1, 1],
    begin: async ({ target, take }) => {
      begun.push(`${target} ${take("one")}`);
      return { proof: () => "hit" };
    },
  };
  const plain: FaultKind = {
    ...chooses,
    name: "plain",
    begin: async ({ target }) => {
      begun.push(target);
      return { ...nothingHappened, proof: () => "hit" };
    },
  };
  const [first, second, third] = await Promise.all([
    happen(plain, "one", 100),
    happen(plain, "one", 1),
    happen(chooses, "chosen", 1),
  ]);
  expect(begun).toEqual(["one", "chosen false"]);
  expect([first.proof, second.proof, third.proof]).toEqual(["hit", "", "hit"]);
  await happen(chooses, "chosen", 1);
  expect(begun.at(-1)).toBe("chosen true");
});
