import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type RedisServer, redisWay, startRedis } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { measure } from "./measure.js";
import { Meter, noTraffic } from "./meter.js";
import { plainSentence } from "./page.js";
import { plain } from "./rows.js";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

// Whoever else uses a server is counted as well.
describe.skipIf(redisWay() === "url")("the meter", () => {
  test("tells what scripts call from what clients send, and counts bytes as they are on the wire", async () => {
    const [redis, client] = [server.client(), server.client()];
    const meter = new Meter(redis, [client]);
    await client.ping();
    const script = "redis.call('SET', 'a', 1) redis.call('EXISTS', 'a') return redis.call('DEL', 'a')";
    const [answer, traffic] = await meter.around(() => client.eval(script, 0));
    expect(answer).toBe(1);
    const sent = `*3\r\n$4\r\neval\r\n$${script.length}\r\n${script}\r\n$1\r\n0\r\n`;
    expect(traffic).toEqual({ sent: 1, calls: 3, looks: 1, bytesIn: sent.length, bytesOut: ":1\r\n".length });
  });

  test("counts nothing where nothing is done", async () => {
    const meter = new Meter(server.client(), []);
    for (let time = 0; time < 3; time += 1)
      expect((await meter.around(async () => undefined))[1]).toEqual(noTraffic);
  });
});

describe.skipIf(redisWay() === "url")("docs/cost.md", () => {
  test("says what a plain run costs now: else `npm run bench -- --only cost --docs`", {
    timeout: 60_000,
  }, async () => {
    const page = readFileSync(join(import.meta.dirname, "../../../../docs/cost.md"), "utf8");
    expect(page).toContain(plainSentence(await measure(server, plain, { jobs: 10, ended: 1 })));
  });
});
