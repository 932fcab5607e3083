import { eventually } from "@escapement/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
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

function happen(kind: FaultKind, target: string, lasts: number): Promise<InjectedFault> {
  return inject(trial, seededRandom(1), { kind, target, at: 0, lasts });
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

for (const name of [
  "client-kill",
  "client-pause",
  "busy-script",
  "redis-restart",
  "redis-kill",
  "redis-freeze",
])
  test(`${name}: tells what was seen of it, and the server answers as usual afterwards`, async () => {
    await trial.redis.client().ping();
    expect((await happen(kindNamed(name), "store-0", 300)).proof).toMatch(/\d/);
    await eventually(async () => (await trial.redis.client().ping()) === "PONG");
  });

test("what is deleted counts where it was there", async () => {
  const client = trial.redis.client();
  const prefix = `escapement:{${trial.client.namespace}}:`;
  expect(await happen(kindNamed("leader-lease-deleted"), "leader-lease", 1)).toMatchObject({ proof: "" });
  expect(await happen(kindNamed("locks-deleted"), "locks", 1)).toMatchObject({ proof: "" });
  await client.mset(`${prefix}leader`, "node", `${prefix}lock:a#1`, "token", `${prefix}lock:b#1`, "token");
  const deleted = happen(kindNamed("leader-lease-deleted"), "leader-lease", 1);
  await eventually(async () => (await client.exists(`${prefix}leader`)) === 0, { every: 5 });
  await client.incr(`${prefix}epoch`);
  expect((await deleted).proof).toMatch(/answered 1; term 1 came after 0$/);
  expect((await happen(kindNamed("locks-deleted"), "locks", 1)).proof).toContain("answered 2");
  expect(await client.exists(`${prefix}leader`, `${prefix}lock:a#1`, `${prefix}lock:b#1`)).toBe(0);
  client.disconnect();
});

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
