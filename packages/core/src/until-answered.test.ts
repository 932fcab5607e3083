import { EscapementError, RedisError } from "@escapement/redis";
import { expect, test } from "vitest";
import { deathIn, GivenUpError, untilAnswered } from "./until-answered.js";

const unanswered = new RedisError("REDIS_TIMEOUT", "no reply");

test("a request is repeated until it is answered, and each failure told", async () => {
  const failures: unknown[] = [];
  let sent = 0;
  const answer = await untilAnswered({
    send: async () => {
      sent += 1;
      if (sent < 3) throw unanswered;
      return "answer";
    },
    endedBy: () => undefined,
    onFailure: (...failure) => failures.push(failure),
  });
  expect(answer).toBe("answer");
  expect(failures).toEqual([
    [unanswered, true],
    [unanswered, false],
  ]);
});

test("a request that its node gives up says so, and not that Redis has", async () => {
  const given = await untilAnswered({
    send: () => Promise.reject(unanswered),
    endedBy: () => "the lease was not prolonged in time",
    onFailure: () => undefined,
  }).catch((error: unknown) => error);
  expect(given).toBeInstanceOf(GivenUpError);
  expect(given).toMatchObject({
    code: "NODE_DEAD",
    reason: "the lease was not prolonged in time",
    cause: unanswered,
  });
  expect(deathIn(given)).toBe("the lease was not prolonged in time");
});

test("what Redis says of the node is handed on, without asking whether to give up", async () => {
  const dead = new EscapementError("NODE_DEAD", "The lease has ended.");
  const endedBy = (): string | undefined => {
    throw new Error("asked");
  };
  const sending = untilAnswered({ send: () => Promise.reject(dead), endedBy, onFailure: () => undefined });
  await expect(sending).rejects.toBe(dead);
  expect(deathIn(dead)).toContain("Redis says");
  expect(deathIn(unanswered)).toBeUndefined();
});
