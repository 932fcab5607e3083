import { RedisError, type RedisErrorCode } from "@escapement/redis";
import { expect, test } from "vitest";
import { PartlyWrittenError } from "./errors.js";
import { writtenParts } from "./parted.js";

/** What is thrown where partitions end like this, one item each. */
async function thrown(...ends: (RedisErrorCode | "written")[]): Promise<unknown> {
  const parts = ends.map((end) => ({
    size: 1,
    done: end === "written" ? Promise.resolve() : Promise.reject(new RedisError(end, end)),
  }));
  const ids = ends.map((_, index) => `run-${index}`);
  return writtenParts("runs", ids, parts).catch((error: unknown) => error);
}

test("where nobody knows whether one partition has written, no other one's error says that nothing was", async () => {
  expect(await thrown("REDIS_UNAVAILABLE", "REDIS_TIMEOUT")).toMatchObject({ code: "REDIS_TIMEOUT" });
  expect(await thrown("REDIS_TIMEOUT", "REDIS_UNAVAILABLE")).toMatchObject({ code: "REDIS_TIMEOUT" });
  expect(await thrown("REDIS_FULL", "REDIS_FAILED")).toMatchObject({ code: "REDIS_FAILED" });
  expect(await thrown("REDIS_FULL", "REDIS_UNAVAILABLE")).toMatchObject({ code: "REDIS_FULL" });
  const partly = await thrown("REDIS_UNAVAILABLE", "written", "REDIS_TIMEOUT");
  expect(partly).toBeInstanceOf(PartlyWrittenError);
  expect(partly).toMatchObject({ written: 1, cause: { code: "REDIS_TIMEOUT" } });
});

test("the error that is in doubt may be the cause of one that has written a part", async () => {
  const cause = new RedisError("REDIS_TIMEOUT", "no reply");
  const parts = [
    { size: 2, done: Promise.reject(new RedisError("REDIS_UNAVAILABLE", "away")) },
    { size: 2, done: Promise.reject(new PartlyWrittenError("runs", ["a", "b"], 1, cause)) },
  ];
  const error = await writtenParts("runs", ["c", "d", "a", "b"], parts).catch((one: unknown) => one);
  expect(error).toMatchObject({ code: "PARTLY_WRITTEN", written: 1, cause });
});
