import { type Connection, connect } from "@escapement/redis/internal";
import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { acquire, type LeaseKeys } from "./acquire.js";
import { renew } from "./renew.js";
import { resign } from "./resign.js";

/** All keys are of the slot that the connection is for. */
const tag = `{${uniqueNamespace("scripts")}}`;
let server: JobStore;
let connection: Connection;
let keys: LeaseKeys;

beforeAll(async () => {
  server = await startJobStore();
  connection = connect(server.url, { profile: "commands", key: tag });
});
afterAll(async () => {
  connection.close();
  await server.stop();
});
beforeEach(() => {
  const key = `${tag}${uniqueNamespace("lease")}`;
  keys = { lease: key, epoch: `${key}:epoch` };
});

const take = (id: string, ended = 0, seen = 0): ReturnType<typeof acquire> =>
  acquire(connection, keys, { id, ttl: 5000, ended, seen }, 2000);
const prolong = (id: string, epoch: number): Promise<boolean> =>
  renew(connection, keys, { id, ttl: 5000, epoch }, 2000);
const hand = (id: string, epoch: number): Promise<boolean> =>
  resign(connection, keys, { id, epoch, channel: `${keys.lease}:resigned`, message: id }, 2000);

describe("the lease's scripts", () => {
  it("give the lease to one and tell the other how long it lasts", async () => {
    expect(await take("a")).toEqual({ acquired: true, epoch: 1, freeIn: 0 });
    const second = await take("b");
    expect(second).toMatchObject({ acquired: false, epoch: 1 });
    expect(second.freeIn).toBeGreaterThan(4000);
    expect(await connection.client.get(keys.lease)).toBe("a");
  });

  it("I4: give the same term again to one whose first request was applied without its knowing", async () => {
    await take("a");
    expect(await take("a")).toEqual({ acquired: true, epoch: 1, freeIn: 0 });
    expect(await connection.client.get(keys.epoch)).toBe("1");
  });

  it("begin a new term for a holder that knows its last one to be over", async () => {
    await take("a");
    expect(await take("a", 1)).toEqual({ acquired: true, epoch: 2, freeIn: 0 });
  });

  it("refuse a renewal by another id and in another term", async () => {
    await take("a");
    expect(await prolong("a", 1)).toBe(true);
    expect(await prolong("b", 1)).toBe(false);
    await take("a", 1);
    expect(await prolong("a", 1)).toBe(false);
    expect(await prolong("a", 2)).toBe(true);
  });

  it("end only the term that is meant", async () => {
    await take("a");
    expect(await hand("b", 1)).toBe(false);
    expect(await hand("a", 7)).toBe(false);
    expect(await hand("a", 1)).toBe(true);
    expect(await take("b")).toMatchObject({ acquired: true, epoch: 2 });
  });

  it("do not count backwards after Redis lost its data", async () => {
    expect(await take("a", 0, 41)).toMatchObject({ epoch: 42 });
  });

  it("S3: give a lease without an end one", async () => {
    await connection.client.set(keys.lease, "somebody");
    expect((await take("a")).freeIn).toBe(5000);
    expect(await connection.client.pttl(keys.lease)).toBeGreaterThan(0);
  });

  it("refuse to count on what is no number, and write nothing", async () => {
    await connection.client.set(keys.epoch, "many");
    await expect(take("a")).rejects.toMatchObject({ code: "EPOCH_INVALID" });
    expect(await connection.client.exists(keys.lease)).toBe(0);
  });
});
