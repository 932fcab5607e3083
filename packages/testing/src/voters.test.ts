import { describe, expect, test } from "vitest";
import { redisWay, startVoters } from "./index.js";

describe.skipIf(redisWay() === "url")("voters", () => {
  test.each([3, 5] as const)("are %i masters that know nothing of each other", async (count) => {
    await using voters = await startVoters(count);
    expect(new Set(voters.urls).size).toBe(count);
    const clients = voters.servers.map((server) => server.client());
    await Promise.all(clients.map((client, index) => client.set("me", index)));
    expect(await Promise.all(clients.map((client) => client.get("me")))).toEqual(
      Array.from({ length: count }, (_, index) => `${index}`),
    );
    for (const client of clients) expect((await client.role())[0]).toBe("master");
  });

  test("go on without one that was killed", async () => {
    await using voters = await startVoters(3);
    const [first, ...others] = voters.servers;
    await first?.kill();
    for (const server of others) expect(await server.client().ping()).toBe("PONG");
  });

  test("come in an odd number only", async () => {
    await expect(startVoters(4 as 3)).rejects.toMatchObject({ code: "INVALID" });
  });
});
