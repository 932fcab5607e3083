import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createCertificates,
  redisWay,
  startCluster,
  startProcess,
  startRedis,
  startSentinel,
  startVoters,
} from "@escapement/testing";
import { describe, expect, test } from "vitest";

const top = new URL("../../../", import.meta.url);
const page = readFileSync(new URL("docs/deploy.md", top), "utf8");
const [byUrl = "", byOptions = ""] = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
const appendonly = { redis: { appendonly: "always" } } as const;

/** Runs an example of docs/deploy.md as a program; it prints what its comments say. */
async function runs(code: string, env: Record<string, string>): Promise<void> {
  const said = [...code.matchAll(/^console\.log.* \/\/ (.*)$/gm)].map(([, text]) => text);
  await using example = await startProcess(process.execPath, ["--input-type=module", "-e", code], {
    cwd: fileURLToPath(new URL("packages/core", top)),
    env,
  });
  expect(await example.exited).toEqual({ code: 0, signal: null });
  expect(said.length).toBeGreaterThan(0);
  expect(example.lines).toEqual(said);
}

describe.skipIf(redisWay() !== "process")("the examples of docs/deploy.md run", () => {
  test("on a master that sentinels know, by URL and by options", async () => {
    await using sentinel = await startSentinel({ replicas: 1, ...appendonly });
    const ports = sentinel.sentinels.map(({ port }) => port);
    const hosts = ports.map((port) => `127.0.0.1:${port}`);
    await runs(byUrl, { ESCAPEMENT_REDIS_URL: `redis+sentinel://${hosts}/mymaster` });
    expect(byOptions).toContain("[26401, 26402, 26403]");
    await runs(byOptions.replace("[26401, 26402, 26403]", `[${ports}]`), {});
  });

  test("on a cluster, with voters", async () => {
    await using cluster = await startCluster({ replicas: 0, ...appendonly });
    await using voters = await startVoters(3, { appendonly: "always" });
    const hosts = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
    const url = `redis+cluster://${hosts}`;
    await runs(byUrl, { ESCAPEMENT_REDIS_URL: url, ESCAPEMENT_VOTERS: voters.urls.join() });
  });

  test("with TLS and an authority of one's own", async () => {
    await using server = await startRedis({ appendonly: "always", tls: await createCertificates() });
    const folder = mkdtempSync(join(tmpdir(), "escapement-deploy-"));
    try {
      const file = join(folder, "ca.pem");
      writeFileSync(file, server.ca ?? "");
      await runs(byUrl, { ESCAPEMENT_REDIS_URL: server.url, NODE_EXTRA_CA_CERTS: file });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
