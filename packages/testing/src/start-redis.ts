import { TestingError } from "./errors.js";
import { foreignServer, unsupported } from "./foreign-server.js";
import { freePort } from "./free-port.js";
import { type Machine, ManagedServer } from "./managed-server.js";
import { type ProcessKind, processMachine } from "./process-machine.js";
import type { StartRedisOptions } from "./redis-options.js";
import type { RedisServer } from "./redis-server.js";
import { chooseWay } from "./redis-way.js";

const portAttempts = 5;

/**
 * Starts one real Redis server and resolves when it answers. `ESCAPEMENT_TEST_REDIS` chooses the way: `process`,
 * `testcontainers` or the URL of a server that runs already. Without it a redis-server or valkey-server of the PATH is
 * started, and failing that a container (`ESCAPEMENT_TEST_REDIS_IMAGE`, default `redis:7-alpine`).
 *
 * The server ends with `stop()`, and at the latest with this process, however that ends.
 *
 * @throws TestingError `NO_REDIS` if there is no way, `START_FAILED` if the server does not answer in time,
 *   `UNSUPPORTED` if the way cannot honour an option
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const chosen = chooseWay(process.env);
  if (chosen.way === "url") return foreignServer(chosen.url, options);
  return startAt(options.port, async (port) => {
    if (chosen.way === "process") return processMachine(chosen.binary, port, options);
    const { containerMachine } = await import("./container-machine.js");
    return containerMachine(chosen.image, port, options);
  });
}

/**
 * Starts a server of a topology: a child process of a kind of its own.
 *
 * @param what such as "start sentinels", for the error
 * @throws TestingError `UNSUPPORTED` for any way but "process", and as {@link startRedis} does
 */
export async function startMember(
  what: string,
  options: StartRedisOptions,
  kind: ProcessKind,
): Promise<RedisServer> {
  const chosen = chooseWay(process.env);
  if (chosen.way === "url") throw unsupported(what);
  if (chosen.way !== "process")
    throw new TestingError("UNSUPPORTED", `Cannot ${what} in containers: use ESCAPEMENT_TEST_REDIS=process.`);
  return startAt(options.port, (port) => processMachine(chosen.binary, port, options, kind));
}

/** What all of `starts` started; if one failed, none is left. */
export async function startAll(starts: readonly Promise<RedisServer>[]): Promise<RedisServer[]> {
  const started = await Promise.allSettled(starts);
  const servers = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failed = started.find((one) => one.status === "rejected");
  if (failed === undefined) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  throw failed.reason;
}

async function startAt(
  wanted: number | undefined,
  machineAt: (port: number) => Promise<Machine>,
): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const server = new ManagedServer(await machineAt(wanted ?? (await freePort())));
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      // Between finding the port and using it, somebody else may have taken it.
      const taken = error instanceof Error && /already in use|already allocated/i.test(error.message);
      if (!taken || wanted !== undefined || attempt === portAttempts) throw error;
    }
  }
}
