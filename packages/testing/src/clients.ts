import { Redis, type RedisOptions } from "ioredis";

/** The connections that were given out for a server, so that they can be closed with it. */
export interface Clients {
  /** A new connection. */
  open(options?: RedisOptions): Redis;
  /** Drops them all. */
  close(): void;
}

/**
 * Keeps track of the connections to one address.
 *
 * @param base what every one of them needs, such as the server's CA
 */
export function trackClients(url: string, base: RedisOptions = {}): Clients {
  const opened = new Set<Redis>();
  return {
    open(options = {}) {
      const client = new Redis(url, { ...base, ...options });
      // Without a listener ioredis prints each failed reconnection; commands reject with the reason anyway.
      client.on("error", () => {});
      client.once("end", () => opened.delete(client));
      opened.add(client);
      return client;
    },
    close() {
      for (const client of opened) client.disconnect();
      opened.clear();
    },
  };
}

/**
 * One look at whether a server answers, on a connection of its own.
 *
 * @param pid the process that must be the one that answers, where it is known
 * @param base what every connection to it needs
 */
export async function checkAnswers(
  url: string,
  pid: number | undefined,
  base: RedisOptions = {},
): Promise<void> {
  const probe = new Redis(url, {
    ...base,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    commandTimeout: 1000,
  });
  probe.on("error", () => {});
  try {
    await probe.connect();
    await probe.ping();
    if (pid === undefined) return;
    const info = await probe.info("server");
    if (!info.includes(`process_id:${pid}\r\n`))
      throw new Error(`Another process than ${pid} answers at this port`);
  } finally {
    probe.disconnect();
  }
}
