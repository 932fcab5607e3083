import { Redis, type RedisOptions } from "ioredis";

/** The connections that were given out for a server, so that they can be closed with it. */
export interface Clients {
  /** A new connection. */
  open(options?: RedisOptions): Redis;
  /** Drops them all. */
  close(): void;
}

/** Keeps track of the connections to one address. */
export function trackClients(url: string): Clients {
  const opened = new Set<Redis>();
  return {
    open(options = {}) {
      const client = new Redis(url, options);
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
 */
export async function checkAnswers(url: string, pid: number | undefined): Promise<void> {
  const probe = new Redis(url, {
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
