// What keeps runs of further partitions from beginning under a pause of which nothing there says anything yet.
import {
  eventually,
  type JobStore,
  onEach,
  startJobStore,
  startProxy,
  startVoters,
  uniqueNamespace,
} from "@escapement/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { heard, many } from "../test/cluster.js";
import { silentLogger } from "../test/silent-logger.js";
import { Spread } from "../test/spread.js";
import type { Claimed } from "./claim.js";
import { Events } from "./events.js";
import type { Scheduler, SchedulerOptions } from "./index.js";
import { gateOf, type PauseGate, SeenPauses } from "./pause-gate.js";
import { ProcessNames } from "./process-names.js";
import { Store } from "./store.js";

let server: JobStore;
beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());

/** The number of the last request of a node in a partition. */
async function requests(spread: Spread, node: Scheduler, partition: number): Promise<number> {
  const numbers = await spread.redis.hmget(
    `${spread.prefix(partition)}request:${node.nodeId}`,
    "number",
    "number2",
  );
  return Math.max(...numbers.map(Number));
}

/** A node that reaches partition 0 only as long as it may. */
async function cutOff(
  spread: Spread,
  options: SchedulerOptions = {},
): Promise<{ readonly node: Scheduler; mayReachFirst(on: boolean): Promise<unknown> }> {
  const { namespace } = spread.cluster;
  const others = ["&*", "+@all", `~escapement:{${namespace}:*`];
  const user = `user-${namespace}`;
  const mayReachFirst = (on: boolean): Promise<unknown> => {
    const first = on ? [`~escapement:{${namespace}}:*`] : [];
    const set = ["SETUSER", user, "on", ">pass", "resetkeys", ...others, ...first] as const;
    return onEach(server, (redis) => redis.acl(...set));
  };
  await mayReachFirst(true);
  const redis = server.url.replace("://", `://${user}:pass@`);
  return { node: await spread.node({ redis, nodeTtl: 20_000, ...options }), mayReachFirst };
}

test("where partition 0 does not answer nothing begins in the others, and nobody asks without end; then it all does, once", async () => {
  await using spread = new Spread(server, 4);
  const { node, mayReachFirst } = await cutOff(spread);
  const backs = heard(node, "handedBack");
  const client = spread.scheduler();
  const before = await client.enqueueMany("task", many(20));
  await Promise.all(before.map((run) => run.result({ timeout: 5000 })));
  await mayReachFirst(false);
  const cut = performance.now();
  await spread.passes(600); // what was seen before that may be relied on for half a second
  const ids = Array.from({ length: 12 }, (_, index) => ({ id: spread.id(`run${index}`, 1 + (index % 3)) }));
  const runs = await client.enqueueMany("task", ids);
  await eventually(() => backs.length > 0);
  const asked = await requests(spread, node, 1);
  await spread.passes(2000);
  expect(spread.starts.filter(({ at }) => at > cut + 600)).toEqual([]);
  expect((await requests(spread, node, 1)) - asked).toBeLessThan(50);
  await mayReachFirst(true);
  await Promise.all(runs.map((run) => run.result({ timeout: 10_000 })));
  expect(spread.starts.map(({ run }) => run).sort()).toEqual([...before, ...runs].map(({ id }) => id).sort());
  for (const run of runs) expect(await run.get()).toMatchObject({ state: "succeeded", attempt: 1 });
});

test("whoever drains one of a process' names drains the process, in all partitions", async () => {
  await using spread = new Spread(server, 4);
  const node = await spread.node();
  const [first] = [node.nodeId];
  await spread.redis.zrem(`${spread.prefix(2)}nodes`, String(first)); // its lease has ended in one partition
  const other = await eventually(async () => {
    const names = await spread.redis.zrange(`${spread.prefix(2)}nodes`, 0, -1);
    return names.find((name) => name !== first) ?? null;
  });
  const client = spread.scheduler();
  for (const name of [first, other]) {
    await spread.redis.set(spread.pause(`node:${name}`), "a new machine");
    await spread.passes(1000);
    const before = spread.starts.length;
    const runs = await client.enqueueMany(
      "task",
      spread.ids(`run-${name}`).map((id) => ({ id })),
    );
    const asked = await requests(spread, node, 1);
    await spread.passes(1500);
    expect(spread.starts.length).toBe(before);
    expect((await requests(spread, node, 1)) - asked).toBeLessThan(30);
    const listed = await client.nodes();
    expect(listed.find(({ id }) => id === name)).toMatchObject({ pause: { reason: "a new machine" } });
    await spread.redis.del(spread.pause(`node:${name}`));
    await Promise.all(runs.map((run) => run.result({ timeout: 5000 })));
    expect(spread.starts.length).toBe(before + 4);
  }
});

test("a run by force starts under any pause but its node's", async () => {
  await using spread = new Spread(server, 4);
  const node = await spread.node();
  const id = spread.id("job", 3);
  await node.schedule("task", { id, trigger: { type: "once", at: [Date.now() + 3_600_000] } });
  await spread.redis.set(spread.pause("all"), "by an operator");
  const forced = await node.job(id).runNow({ force: true });
  await forced.result({ timeout: 5000 });
  await spread.redis.set(spread.pause(`node:${node.nodeId}`), "a new machine");
  await spread.passes(1000);
  const late = await node.job(id).runNow({ force: true });
  await expect(late.result({ timeout: 1000 })).rejects.toMatchObject({ code: "RESULT_TIMEOUT" });
  await spread.redis.del(spread.pause(`node:${node.nodeId}`));
  await late.result({ timeout: 5000 });
  await expect(node.job(id).runNow()).rejects.toMatchObject({ code: "JOB_PAUSED" });
});

/** A gate with stores of its own, of partition 0 by way of a proxy. */
async function gateBehind(
  home: string,
  partition = 1,
): Promise<{ gate: PauseGate; stores: readonly Store[]; seen: SeenPauses; names: ProcessNames }> {
  const family: Store[] = [];
  const namespace = uniqueNamespace("gate");
  for (const [at, redis] of [home, server.url].entries())
    family.push(
      new Store({
        ...{ redis, namespace, partitions: 2, partition: at, family, deadline: 5000, leaseDeadline: 5000 },
        retention: { runs: 100, enqueued: 1000, age: 3_600_000, logAge: 3_600_000 },
      }),
    );
  await Promise.all(family.map((store) => store.lease.ready()));
  const names = new ProcessNames();
  for (const at of [0, 1]) names.next(undefined, at);
  const seen = new SeenPauses();
  const gate = gateOf({
    store: family[partition] as Store,
    names,
    seenPauses: seen,
    events: new Events(silentLogger),
  });
  if (gate === undefined) throw new Error("no gate");
  return { gate, stores: family, seen, names };
}

const claimedOf = (job: string): Claimed => ({
  ...{ run: `${job}@1`, job, task: "task", token: "1", attempt: 1, scheduledAt: 1, claimedAt: 1 },
  ...{ locksLeft: [], lost: 0, body: undefined, isGone: false, queue: "default", tags: ["emea"] },
});

test("the gate asks for all that it has not seen lately in one command, and holds back by name", async () => {
  const { gate, stores, seen } = await gateBehind(server.url);
  const [home, own] = stores as [Store, Store];
  const redis = server.client();
  const first = (await server.masterOf(home.keys.clock)).client();
  const asked = async (): Promise<number> =>
    Number(/cmdstat_exists:calls=(\d+)/.exec(await first.info("commandstats"))?.[1] ?? 0);
  const runs = Array.from({ length: 1000 }, (_, index) => claimedOf(`job-${index}`));
  const before = await asked();
  expect(await gate.look(runs)).toMatchObject({ open: { length: 1000 }, held: [], isToWait: false });
  expect(await asked()).toBe(before + 1);
  expect(seen.isAbsent("job:job-999", 60_000)).toBe(true);
  // Known for half a second from the sending: nothing is asked, though there is one by now.
  await redis.set(home.keys.pause("job:job-7"), "by an operator");
  await eventually(() => !gate.isOpen(claimedOf("job-7")));
  const { open, held, isToWait } = await gate.look(runs);
  expect([open.length, held.map(({ job }) => job), isToWait]).toEqual([999, ["job-7"], false]);
  expect(await redis.get(own.keys.pause("job:job-7"))).toBe("by an operator");
  expect(gate.areOpen(held)).toBe(false);
  expect(await redis.hkeys(home.keys.pauses)).toEqual(["job:job-7"]);
  for (const store of stores) store.close();
  redis.disconnect();
});

test("the gate waits for no answer for longer than it would be worth, and lets nothing through then", async () => {
  await using proxy = await startProxy(server.url);
  const { gate, stores } = await gateBehind(proxy.url);
  proxy.pause();
  const late = stores[0]?.lease
    .run("waiting", (client) => client.ping())
    .then(
      () => "first",
      () => "first",
    );
  const looked = gate.look([claimedOf("job")]);
  expect(await Promise.race([late, looked])).toMatchObject({
    open: [],
    held: [{ job: "job" }],
    isToWait: true,
  });
  expect(gate.isOpen(claimedOf("job"))).toBe(false);
  proxy.resume();
  await eventually(async () => (await gate.look([claimedOf("job")])).open.length === 1);
  for (const store of stores) store.close();
});

test("a process that was drained by a name stays so when its lease ends in the one partition that knew it by that", async () => {
  const { gate, stores, names } = await gateBehind(server.url);
  const [home] = stores as [Store];
  const redis = server.client();
  const [first = ""] = names.all;
  const second = names.next(first, 1);
  await redis.set(home.keys.pause(`node:${second}`), "by an operator");
  expect(names.next(second, 1)).not.toBe(second);
  expect(await gate.look([claimedOf("job")])).toMatchObject({ open: [], held: [{ job: "job" }] });
  expect(gate.mayClaim()).toBe(false);
  await redis.del(home.keys.pause(`node:${second}`));
  await eventually(() => gate.mayClaim());
  // Not without end.
  for (let at = 0; at < 100; at += 1) names.next(names.all[1], 1);
  expect(names.all.length).toBeLessThan(12);
  for (const store of stores) store.close();
  redis.disconnect();
});

test("in partition 0 the gate asks for the process' other names alone", async () => {
  const { gate, stores } = await gateBehind(server.url, 0);
  expect(gate.areOpen([claimedOf("job")])).toBe(true);
  for (const store of stores) store.close();
});

test("with voters, what is held back has asked for no lock, and has its first attempt after the pause", async () => {
  await using voters = await startVoters(3);
  await using spread = new Spread(server, 2);
  await spread.redis.set(spread.pause("queue:default"), "by an operator");
  const node = await spread.node({ voters: voters.urls });
  const refused = heard(node, "lockRefused");
  const run = await node.enqueue("task", { id: spread.id("run", 1) });
  await eventually(async () => (await spread.pausedIn("queue:default")).length === 2);
  await spread.passes(500);
  for (const voter of voters.servers) {
    const redis = voter.client();
    expect(await redis.keys("*lock*")).toEqual([]);
    redis.disconnect();
  }
  await spread.redis.del(spread.pause("queue:default"));
  await run.result({ timeout: 5000 });
  expect(await run.get()).toMatchObject({ state: "succeeded", attempt: 1 });
  expect(refused).toEqual([]);
});

test("with voters, a look that takes long does not make what was claimed too old to begin", async () => {
  await using voters = await startVoters(3);
  await using spread = new Spread(server, 2);
  await using proxy = await startProxy(server.url);
  proxy.slow({ least: 45, most: 45 }); // a look takes longer than a claim may wait until its locks are asked for
  const node = await spread.node({ voters: voters.urls, redis: proxy.url });
  const backs = heard(node, "handedBack");
  const client = spread.scheduler();
  for (let number = 0; number < 4; number += 1) {
    const run = await client.enqueue("task", { id: spread.id(`run${number}`, 1) });
    await run.result({ timeout: 5000 });
    if (number === 0) backs.splice(0); // that it takes long is known from then on
    await spread.passes(600); // what was seen is forgotten
  }
  expect(backs).toEqual([]);
  await spread.redis.set(spread.pause("queue:default"), "by an operator");
  const held = await client.enqueue("task", { id: spread.id("held", 1) });
  await eventually(() => backs.length > 0);
  await spread.redis.del(spread.pause("queue:default"));
  await held.result({ timeout: 5000 });
  expect(await held.get()).toMatchObject({ state: "succeeded", attempt: 1 });
}, 20_000);
