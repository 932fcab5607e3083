import { foreignServer } from "./foreign-server.js";
import { freePort } from "./free-port.js";
import { type Machine, ManagedServer } from "./managed-server.js";
import { processMachine } from "./process-machine.js";
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
  const machineAt = async (port: number): Promise<Machine> => {
    if (chosen.way === "process") return processMachine(chosen.binary, port, options);
    const { containerMachine } = await import("./container-machine.js");
    return containerMachine(chosen.image, port, options);
  };
  for (let attempt = 1; ; attempt++) {
    const machine = await machineAt(options.port ?? (await freePort()));
    const server = new ManagedServer(machine, options.within ?? 15_000);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      // Between finding the port and using it, somebody else may have taken it.
      const taken = error instanceof Error && /already in use|already allocated/i.test(error.message);
      if (!taken || options.port !== undefined || attempt === portAttempts) throw error;
    }
  }
}
