import type { Redis } from "ioredis";
import type { CheckResult } from "./checks.js";
import type { Connection } from "./connection.js";
import { EscapementError, toRedisError } from "./errors.js";

/**
 * Whether the server answers at all, and if not, why. Never throws; takes at most two of the connection's deadlines.
 */
export async function checkReach(connection: Connection): Promise<CheckResult> {
  try {
    await connection.ready();
    await connection.run("PING", (client) => client.ping());
    return { check: "connection", level: "ok", message: "Redis answers." };
  } catch (error) {
    const { client, deadline } = connection;
    const closer = isUnknown(error) ? await ask(client, deadline) : undefined;
    return { check: "connection", level: "error", message: describe(closer ?? error) };
  }
}

/** Whether the error does not say by itself what is wrong: ioredis waits in silence for a server that loads its data, or stands still. */
function isUnknown(error: unknown): boolean {
  return error instanceof EscapementError && /^REDIS_(UNAVAILABLE|TIMEOUT)$/.test(error.code);
}

/** What a connection of its own, without the checks by which ioredis waits for a server, is told. */
async function ask(client: Redis, deadline: number): Promise<unknown> {
  const probe = client.duplicate({
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: deadline,
  });
  let [said, connected]: [Error | undefined, boolean] = [undefined, false];
  probe.on("error", (error: Error) => {
    said ??= error;
  });
  probe.on("connect", () => {
    connected = true;
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), deadline);
  });
  try {
    const answered = await Promise.race([probe.connect().then(() => probe.ping()), late]);
    if (answered !== "late") return undefined;
    return connected
      ? new Error(
          `Redis takes connections and answers nothing within ${deadline} ms: it stands still, or one command or script keeps it busy. ` +
            "Look at its process, its load and SLOWLOG; restart it if it is stuck.",
        )
      : said;
  } catch (error) {
    return said ?? error;
  } finally {
    clearTimeout(timer);
    probe.disconnect();
  }
}

function describe(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  if (/LOADING/.test(said))
    return "Redis is loading its data and answers nothing else until it has. Wait for it; INFO persistence tells how far it is.";
  if (/stands still/.test(said)) return said;
  const known = toRedisError(error, "connecting");
  const { cause } = known;
  return cause instanceof Error && !known.message.includes(cause.message)
    ? `${known.message} (${cause.message})`
    : known.message;
}
