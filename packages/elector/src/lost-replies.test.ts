import { once } from "node:events";
import {
  eventually,
  type JobStore,
  startJobStore,
  startProxy,
  type TcpProxy,
  uniqueNamespace,
} from "@escapement/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { subscribersOf } from "../test/subscribers.js";
import { uniqueKey } from "../test/unique-key.js";
import { createElector, type Elector } from "./elector.js";

/** Of all keys, so that one server has them and knows the scripts. */
const slot = uniqueKey("lost-replies");
let server: JobStore;
let proxy: TcpProxy;
let elector: Elector;
let key: string;

beforeAll(async () => {
  server = await startJobStore();
  // Let the server know the scripts, so that one request is all it takes to apply them.
  await using first = createElector({ redis: server.url, key: `${slot}first` });
  first.campaign();
  await once(first, "elected");
});
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = await startProxy(server.url);
  key = `${slot}${uniqueNamespace("replies")}`;
  elector = createElector({ redis: proxy.url, key, ttl: 1000 });
});
afterEach(async () => {
  await elector.close();
  await proxy.stop();
});

/** Waits until both connections of the elector work, so that only what comes next meets the fault. */
async function connected(): Promise<void> {
  await eventually(async () => (await subscribersOf(server, key)) === 1);
}

describe("lost replies", () => {
  it("I4: a lease that was taken without its knowing is its own, in one term, and shuts nobody out", async () => {
    await connected();
    proxy.blockReplies(true);
    elector.campaign();
    await eventually(async () => (await server.client().get(key)) === elector.id);
    expect(elector.isLeader()).toBe(false);
    proxy.cut();
    proxy.blockReplies(false);
    await eventually(() => elector.isLeader());
    expect(elector.term()?.epoch).toBe(1);
  });

  it("I3: over a half-open connection the term ends in time, and others may lead", async () => {
    elector.campaign();
    await once(elector, "elected");
    const lost = once(elector, "lost");
    const other = createElector({ redis: server.url, key, ttl: 1000 });
    try {
      other.campaign();
      proxy.pause();
      expect((await lost)[0]).toBe("expired");
      await eventually(() => other.isLeader());
      expect(elector.isLeader()).toBe(false);
      proxy.cut();
      proxy.resume();
      await other.close();
      await eventually(() => elector.isLeader(), { within: 10_000 });
      expect(elector.term()?.epoch).toBe(3);
    } finally {
      await other.close();
    }
  });

  it("I3: leads again without anybody cutting what was half open", async () => {
    elector.campaign();
    await once(elector, "elected");
    proxy.blockReplies(true);
    await once(elector, "lost");
    proxy.blockReplies(false);
    await eventually(() => elector.isLeader(), { within: 10_000 });
  });

  it("W4: closes in time although Redis does not answer", async () => {
    elector.campaign();
    await once(elector, "elected");
    proxy.pause();
    await elector.close();
    expect(elector.isLeader()).toBe(false);
  });
});
