import { randomUUID } from "node:crypto";
import { TestingError } from "./errors.js";

const allowed = /^[A-Za-z0-9_.:/-]{1,100}$/;

/**
 * A namespace that no other test uses, so that tests share a server without seeing each other's keys.
 *
 * @param prefix how it begins, for reading in `redis-cli`: 1 to 100 of the characters `A-Z a-z 0-9 _ . : / -`
 * @default prefix "test"
 * @throws TestingError `INVALID` if the prefix has other characters or another length
 */
export function uniqueNamespace(prefix: string = "test"): string {
  if (!allowed.test(prefix)) {
    throw new TestingError(
      "INVALID",
      `A namespace cannot begin with ${JSON.stringify(prefix)}: use 1 to 100 of A-Za-z0-9_.:/-`,
    );
  }
  return `${prefix}-${randomUUID().replaceAll("-", "").slice(0, 20)}`;
}
