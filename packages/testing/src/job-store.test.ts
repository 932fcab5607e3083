import { Cluster, Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { eventually, type JobStore, onEach, redisWay, startJobStore, startProxy } from "./index.js";

afterEach(() => vi.unstubAllEnvs());

test("a job store is one server where nothing else is asked for", async () => {
  vi.stubEnv("ESCAPEMENT_TEST_CLUSTER", "");
  await using store = await startJobStore();
  expect(store.servers).toHaveLength(1);
  expect(await store.masterOf("any")).toBe(store.servers[0]);
  expect(store.client()).toBeInstanceOf(Redis);
});

test("a job store is refused a number of masters that is none", async () => {
  for (const wrong of ["yes", "2", "3.5"]) {
    vi.stubEnv("ESCAPEMENT_TEST_CLUSTER", wrong);
    await expect(startJobStore()).rejects.toMatchObject({ code: "INVALID" });
  }
});

describe.skipIf(redisWay() !== "process")("a job store that is a cluster", () => {
  // One for each master, and some more.
  const keys = ["a", "b", "c", "d", "e"];
  const password = "of/all";
  let store: JobStore;
  beforeAll(async () => {
    vi.stubEnv("ESCAPEMENT_TEST_CLUSTER", "3");
    store = await startJobStore({ password });
    const client = store.client();
    await Promise.all(keys.map((key) => client.set(key, key)));
  });
  afterAll(() => store?.stop());

  test("has a client that finds the master of each key, and the keys of all", async () => {
    const masters = await Promise.all(keys.map((key) => store.masterOf(key)));
    expect(new Set(masters)).toEqual(new Set(store.servers));
    for (const [index, key] of keys.entries()) expect(await masters[index]?.client().get(key)).toBe(key);
    expect((await store.client().keys("*")).sort()).toEqual(keys);
    expect(await onEach(store, (server) => server.dbsize())).toHaveLength(3);
  });

  test("is behind a proxy as a whole: whoever knows one of its ports finds all masters by such ports", async () => {
    await using proxy = await startProxy(store.url);
    const client = new Cluster([{ host: "127.0.0.1", port: proxy.port }], { redisOptions: { password } });
    client.on("error", () => {});
    for (const key of keys) expect(await client.get(key)).toBe(key);
    const ports = client.nodes("master").map(({ options }) => options.port);
    expect(ports).toHaveLength(3);
    for (const { port } of store.servers) expect(ports).not.toContain(port);
    expect(proxy.url.replace(/\d+(?=,|$)/g, "")).toBe(store.url.replace(/\d+(?=,|$)/g, ""));
    client.disconnect();
    await eventually(() => proxy.connections === 0);
  });
});
