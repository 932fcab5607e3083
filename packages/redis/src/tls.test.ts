import { connect as connectPlain, type Socket } from "node:net";
import { createServer, type TlsOptions } from "node:tls";
import { inspect } from "node:util";
import { type Certificates, createCertificates, type RedisServer, startRedis } from "@escapement/testing";
import type { RedisOptions } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkServer } from "./index.js";
import { checkReach, connect } from "./internal.js";

const password = "s3cret-by-tls";
let redis: RedisServer;
let good: Certificates;
beforeAll(async () => {
  [redis, good] = await Promise.all([startRedis({ password }), createCertificates()]);
});
afterAll(() => redis.stop());

/** A port that speaks TLS and hands on to the real server. */
async function speaking(options: TlsOptions): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer(options, (socket) => {
    const upstream = connectPlain(redis.port, new URL(redis.url).hostname);
    for (const one of [socket, upstream])
      one.on("error", () => {}).on("close", () => [socket, upstream].map((s) => s.destroy()));
    sockets.add(socket);
    socket.pipe(upstream).pipe(socket);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What connecting ends with: the answer to PING, or the error. */
async function outcome(source: RedisOptions | string, deadline = 3000): Promise<unknown> {
  const connection = connect(source, { profile: "commands", deadline });
  try {
    return await connection.run("asking", (client) => client.ping());
  } catch (error) {
    return error;
  } finally {
    connection.close();
  }
}

const at = (port: number, tls: RedisOptions["tls"]): RedisOptions => ({
  host: "localhost",
  port,
  password,
  tls,
});

describe("a server with TLS", () => {
  test("is used if its authority is given, and is refused otherwise, by URL as well", async () => {
    await using server = await speaking(good);
    expect(await outcome(at(server.port, { ca: good.ca }))).toBe("PONG");
    const stranger = await createCertificates();
    for (const source of [
      at(server.port, {}),
      at(server.port, { ca: stranger.ca }),
      `rediss://:${password}@localhost:${server.port}`,
    ]) {
      const error = await outcome(source);
      expect(error).toMatchObject({
        code: "REDIS_TLS",
        message: expect.stringMatching(/nobody that is trusted.*tls\.ca/),
      });
      expect(inspect(error, { depth: 10 })).not.toContain(password);
    }
  });

  test("whose certificate has expired, or is for another host, is refused, and told apart", async () => {
    const [old, other] = await Promise.all([
      createCertificates({ until: new Date(Date.now() - 3_600_000) }),
      createCertificates({ host: "redis.elsewhere.example" }),
    ]);
    await using expired = await speaking(old);
    await using elsewhere = await speaking(other);
    expect(await outcome(at(expired.port, { ca: old.ca }))).toMatchObject({
      code: "REDIS_TLS",
      message: expect.stringMatching(/has expired/),
    });
    expect(await outcome(at(elsewhere.port, { ca: other.ca }))).toMatchObject({
      code: "REDIS_TLS",
      message: expect.stringMatching(/for another host/),
    });
    const named = { ca: other.ca, servername: "redis.elsewhere.example" };
    expect(await outcome(at(elsewhere.port, named))).toBe("PONG");
  });

  test("that asks for a certificate of ours gets it, and refuses who has none", async () => {
    await using server = await speaking({ ...good, requestCert: true, rejectUnauthorized: true });
    const ours = { ca: good.ca, cert: good.cert, key: good.key };
    expect(await outcome(at(server.port, ours))).toBe("PONG");
    expect(await outcome(at(server.port, { ca: good.ca }))).toMatchObject({
      code: "REDIS_TLS",
      message: expect.stringMatching(/tls\.cert and tls\.key/),
    });
  });

  test("and one without: neither is taken for the other", async () => {
    await using server = await speaking(good);
    expect(await outcome({ host: "localhost", port: server.port, password }, 800)).toMatchObject({
      code: expect.stringMatching(/REDIS_(UNAVAILABLE|TIMEOUT)/),
    });
    const { hostname: host } = new URL(redis.url);
    expect(await outcome({ host, port: redis.port, password, tls: { ca: good.ca } }, 800)).toMatchObject({
      code: "REDIS_UNAVAILABLE",
    });
  });

  test("is told by the doctor why it was not reached", async () => {
    await using server = await speaking(good);
    const connection = connect(at(server.port, {}), { profile: "commands", deadline: 3000 });
    expect(await checkReach(connection)).toMatchObject({
      level: "error",
      message: expect.stringMatching(/tls\.ca/),
    });
    connection.close();
  });

  test.each([
    [{ rejectUnauthorized: false }, "warning", /does not look at who the server is/],
    [{}, "ok", /looks at who the server is/],
  ])("that is reached with %j is told of as such", async (more, level, message) => {
    await using server = await speaking(good);
    const connection = connect(at(server.port, { ca: good.ca, ...more }), { profile: "commands" });
    const results = await checkServer(connection);
    expect(results.filter(({ check }) => check === "encryption")).toEqual([
      { check: "encryption", level, message: expect.stringMatching(message) },
    ]);
    connection.close();
  });
});
