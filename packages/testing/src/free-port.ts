import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { TestingError } from "./errors.js";

/**
 * A free TCP port on 127.0.0.1, below the range that systems take outgoing ports from (32768 and up). A port of that
 * range would not do for a server that is killed and restarted: a client that tries to reconnect in the meantime can
 * be given the very port as its own end, which connects it to itself and keeps the server from coming back.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(15_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw new TestingError(
    "START_FAILED",
    "No free TCP port found on 127.0.0.1 in 50 attempts between 15000 and 32000",
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
