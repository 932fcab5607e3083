import {
  createCertificates,
  redisWay,
  startCluster,
  startRedis,
  startSentinel,
  uniqueNamespace,
} from "@escapement/testing";
import { describe, expect, test } from "vitest";
import { asJson, escapement, folderWith } from "../test/escapement.js";

describe.skipIf(redisWay() !== "process")("a job store that is not one server without TLS", () => {
  /** Adds a job and finds it, by an address alone. */
  const isUsed = async (env: Record<string, string>): Promise<void> => {
    const all = { ESCAPEMENT_NAMESPACE: uniqueNamespace("cli"), ...env };
    const added = await escapement(["job", "add", "sync", "--task", "sync", "--every", "90s"], all);
    expect(added).toMatchObject({ code: 0, err: expect.not.stringContaining("rror") });
    expect(await asJson(["job", "list"], all)).toMatchObject([{ id: "sync" }]);
  };

  test("is named by its sentinels", async () => {
    await using sentinel = await startSentinel({ replicas: 1 });
    const hosts = sentinel.sentinels.map(({ port }) => `127.0.0.1:${port}`);
    const unknown = { ESCAPEMENT_REDIS_URL: `redis+sentinel://me:secret@${hosts}/other` };
    // At the same time: the second one waits for its deadline.
    const [{ code, err }] = await Promise.all([
      escapement(["job", "list"], unknown),
      isUsed({ ESCAPEMENT_REDIS_URL: `redis+sentinel://${hosts}/mymaster` }),
    ]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("no master by the name") });
    expect(err).toContain(String(hosts));
    expect(err).not.toContain("secret");
  });

  test("is named by some servers of a cluster", async () => {
    await using cluster = await startCluster({ replicas: 0 });
    const [, second, third] = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
    await isUsed({ ESCAPEMENT_REDIS_URL: `redis+cluster://${second},${third}` });
    const voter = ["--voters", `redis+cluster://${second}`, "job", "list"];
    expect(await escapement(voter, {})).toMatchObject({ code: 2, err: expect.stringContaining("voters[0]") });
  });

  test("is trusted by NODE_EXTRA_CA_CERTS, and not without", async () => {
    const rules = ["~*", "&*", "+@all"];
    const users = [{ name: "me", password: "secret", rules }];
    await using server = await startRedis({ tls: await createCertificates(), users });
    using folder = folderWith({ "ca.pem": server.ca ?? "" });
    const url = { ESCAPEMENT_REDIS_URL: server.urlAs("me") };
    await isUsed({ ...url, NODE_EXTRA_CA_CERTS: folder.path("ca.pem") });
    const { code, err } = await escapement(["job", "list"], url);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("NODE_EXTRA_CA_CERTS") });
    expect(err).not.toContain("secret");
  });
});
