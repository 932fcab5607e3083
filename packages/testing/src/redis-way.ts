import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { TestingError } from "./errors.js";

/** How a Redis server is got: as a child process, in a container, or as a server that runs already. */
export type RedisWay = "process" | "testcontainers" | "url";

/** The way that applies here, with what it needs. */
export type ChosenWay =
  | { way: "process"; binary: string }
  | { way: "testcontainers"; image: string }
  | { way: "url"; url: string };

/** The three ways, for error messages. */
const threeWays = `Give the tests a Redis in one of three ways:
  1. put redis-server or valkey-server on the PATH (ESCAPEMENT_TEST_REDIS=process; Debian: apt-get install redis-server),
  2. run a Docker engine (ESCAPEMENT_TEST_REDIS=testcontainers),
  3. name a server that runs already (ESCAPEMENT_TEST_REDIS=redis://host:port; its data is not flushed).`;

/** Reads `ESCAPEMENT_TEST_REDIS` and, where it is not set, looks for a server program on the PATH. */
export function chooseWay(env: NodeJS.ProcessEnv): ChosenWay {
  const wanted = env["ESCAPEMENT_TEST_REDIS"];
  const container: ChosenWay = {
    way: "testcontainers",
    image: env["ESCAPEMENT_TEST_REDIS_IMAGE"] || "redis:7-alpine",
  };
  if (wanted === "testcontainers") return container;
  if (wanted && /^rediss?:\/\//.test(wanted)) return { way: "url", url: wanted };
  if (wanted && wanted !== "process") {
    throw new TestingError("NO_REDIS", `ESCAPEMENT_TEST_REDIS is ${JSON.stringify(wanted)}. ${threeWays}`);
  }
  const binary = onPath("redis-server", env) ?? onPath("valkey-server", env);
  if (binary) return { way: "process", binary };
  if (wanted === "process") {
    throw new TestingError("NO_REDIS", `No redis-server or valkey-server is on the PATH. ${threeWays}`);
  }
  return container;
}

/**
 * The way in which `startRedis` gets its servers here, so that tests can leave out what it cannot do:
 * `describe.skipIf(redisWay() === "url")`.
 *
 * @throws TestingError `NO_REDIS` if `ESCAPEMENT_TEST_REDIS` asks for something that is not there
 */
export function redisWay(): RedisWay {
  return chooseWay(process.env).way;
}

/** A container engine that does not answer, told as what it is: the last of three ways that failed. */
export function noEngine(cause: unknown): TestingError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TestingError("NO_REDIS", `No container engine answers (${reason}). ${threeWays}`, { cause });
}

/** The file of a program on the PATH. */
export function onPath(program: string, env: NodeJS.ProcessEnv): string | undefined {
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    if (!folder) continue;
    const file = join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
