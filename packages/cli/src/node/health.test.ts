import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import type { Health, NodeInfo } from "@escapement/core";
import {
  eventually,
  type JobStore,
  redisWay,
  startJobStore,
  startRedis,
  uniqueNamespace,
} from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { asJson, escapement, folderWith, start } from "../../test/escapement.js";

let redis: JobStore;
beforeAll(async () => {
  redis = await startJobStore({ appendonly: "everysec" });
});
afterAll(() => redis.stop());

const environment = (server = redis): Record<string, string> => ({
  ESCAPEMENT_REDIS_URL: server.url,
  ESCAPEMENT_NAMESPACE: uniqueNamespace("cli"),
});

type Node = Awaited<ReturnType<typeof start>>;

/** Where a node that has just been started answers. */
const addressOf = async (node: Node): Promise<string> =>
  /http:\/\/[^/]+/.exec(await node.waitForLine(/^health at/, 20_000))?.[0] ?? "";

async function ask(url: string, path: string): Promise<{ status: number; health: Health }> {
  const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(2000) });
  return { status: answer.status, health: (await answer.json()) as Health };
}

const fit: Health = { live: true, ready: true, reasons: [] };
const alone = ["node", "--allow-shell", "--health", "127.0.0.1:0"];

describe("node --health", () => {
  test("answers that a node is live and ready, with GET and HEAD and at three paths only", async () => {
    await using node = await start(alone, environment());
    const url = await addressOf(node);
    for (const path of ["/livez", "/readyz", "/healthz", "/readyz?verbose"])
      expect(await ask(url, path)).toEqual({ status: 200, health: fit });
    const head = await fetch(`${url}/readyz`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
      200,
      "application/json",
      "",
    ]);
    expect((await fetch(`${url}/readyz`, { method: "POST", body: "x" })).status).toBe(405);
    for (const path of ["/", "/metrics", "/livez/", "//livez"])
      expect((await fetch(url + path)).status).toBe(404);
  });

  test.skipIf(redisWay() === "url")(
    "says that a node is not ready while Redis stands still, and stays live",
    async () => {
      await using own = await startRedis({ password: "s3cret" });
      await using node = await start(alone, environment(own));
      const url = await addressOf(node);
      await own.freeze();
      await eventually(async () => expect((await ask(url, "/readyz")).status).toBe(503), { within: 10_000 });
      const { status, health } = await ask(url, "/livez");
      expect([status, health.reasons[0]?.code]).toEqual([200, "REDIS_UNAVAILABLE"]);
      expect(JSON.stringify(health)).not.toMatch(/s3cret|127\.0\.0\.1/);
      await own.thaw();
      await eventually(async () => expect((await ask(url, "/readyz")).status).toBe(200), { within: 15_000 });
    },
  );

  test("says so from the signal to stop on, is live until the last run has ended, and is closed then", async () => {
    using files = folderWith({ sleeper: "ESCAPEMENT_SECONDS=yes\n# name: long\n* * * * * *  sleep 3\n" });
    const args = ["--crontab", files.path("sleeper"), "--verbose"];
    await using node = await start(["node", ...args, "--health", "127.0.0.1:0"], environment());
    const url = await addressOf(node);
    await node.waitForLine(/^start /, 20_000);
    node.kill("SIGTERM");
    await node.waitForLine(/stopping; runs may end/);
    const { status, health } = await ask(url, "/readyz");
    expect([status, health.reasons.map(({ code }) => code)]).toEqual([503, ["STOPPING"]]);
    expect((await ask(url, "/livez")).status).toBe(200);
    expect(await node.exited).toEqual({ code: 0, signal: null });
    await expect(ask(url, "/livez")).rejects.toThrow();
  });

  test.skipIf(redisWay() === "url")(
    "answers while the node cannot start yet, and is told to stop",
    async () => {
      await using own = await startRedis();
      await own.freeze();
      const free = createServer().listen(0, "127.0.0.1");
      await once(free, "listening");
      const { port } = free.address() as AddressInfo;
      free.close();
      await using node = await start(
        ["node", "--allow-shell", "--health", `127.0.0.1:${port}`],
        environment(own),
      );
      const url = `http://127.0.0.1:${port}`;
      const codes = async (): Promise<string[]> =>
        (await ask(url, "/readyz")).health.reasons.map(({ code }) => code);
      await eventually(async () => expect(await codes()).toContain("NOT_STARTED"), { within: 15_000 });
      expect((await ask(url, "/livez")).status).toBe(200);
      node.kill("SIGTERM");
      await eventually(async () => expect(await codes()).toContain("STOPPING"));
      expect((await node.exited).code).toBe(1);
    },
  );

  test("at a port that is taken ends the command in plain words, before the node has joined", async () => {
    const env = environment();
    await using node = await start(alone, env);
    const { host } = new URL(await addressOf(node));
    const said = await escapement(["node", "--allow-shell", "--health", host], env);
    expect(said.err).toBe(
      `escapement: Cannot answer health requests at ${host}: another process has that port. Give --health another address.`,
    );
    expect(said.code).toBe(1);
    const joined = await asJson<NodeInfo[]>(["nodes"], env);
    expect(joined.map(({ pid }) => pid)).toEqual([node.pid]);
    expect(
      await redis.client().xlen(`escapement:{${env["ESCAPEMENT_NAMESPACE"]}}:events`),
    ).toBeLessThanOrEqual(2);
  });

  test("listens on all addresses where a port alone is given", async () => {
    await using node = await start(["node", "--allow-shell", "--health", "0"], environment());
    const { port } = new URL(await addressOf(node));
    expect(await ask(`http://127.0.0.1:${port}`, "/readyz")).toEqual({ status: 200, health: fit });
  });

  test.each(["", "1.2.3.4", "99999", "host:", "a b:80"])("refuses the address %j", async (address) => {
    const said = await escapement(["node", "--allow-shell", "--health", address], environment());
    expect([said.code, said.err]).toEqual([2, expect.stringMatching(/Give a port or host:port/)]);
  });

  test("gives up on requests that are too long, or never come to an end", async () => {
    await using node = await start(alone, environment());
    const { hostname, port } = new URL(await addressOf(node));
    const send = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        let answer = "";
        connect(Number(port), hostname)
          .setEncoding("utf8")
          .on("error", reject)
          .on("data", (piece) => {
            answer += piece;
          })
          .on("close", () => resolve(answer))
          .write(text);
      });
    const [long, slow] = await Promise.all([
      send(`GET /livez HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`),
      send("GET /livez HTTP/1.1\r\nHost: x\r\n"),
    ]);
    expect(long).toMatch(/^HTTP\/1\.1 431 /);
    expect(slow).toMatch(/^HTTP\/1\.1 408 /);
  });
});
