import { eventually, startRedis } from "@escapement/testing";
import { expect, test } from "vitest";
import { Cluster } from "../../test/cluster.js";
import { findingsOf } from "../../test/findings.js";
import type { Finding } from "../index.js";

test("doctor finds voters that are one server under several names", async () => {
  await using server = await startRedis();
  await using other = await startRedis();
  await using cluster = new Cluster(server);
  const client = cluster.scheduler({ voters: [server.url, other.url, `${server.url}/1`] });
  let findings: Finding[] = [];
  await eventually(async () => {
    findings = await findingsOf(client, "voters");
    expect(findings[0]).toMatchObject({ level: "ok" });
  });
  expect(findings.slice(1)).toEqual([
    {
      check: "voters",
      level: "error",
      message: expect.stringContaining(`${server.url}/1 are the same server`),
    },
  ]);
});

test("one voter that is the store itself takes no connection of its own: its locks are part of the claim", async () => {
  await using server = await startRedis();
  await using cluster = new Cluster(server);
  const findings = await cluster.scheduler({ voters: [server.url] }).doctor();
  const found = findings.find(({ check }) => check === "voters");
  expect(found?.message).toBe("The store itself holds the locks.");
});
