import type { Redis, RedisOptions } from "ioredis";
import { type Clients, checkAnswers, trackClients } from "./clients.js";
import { TestingError } from "./errors.js";
import type { StartRedisOptions } from "./redis-options.js";
import type { RedisServer } from "./redis-server.js";

/**
 * A server that runs already and belongs to somebody else: tests keep to namespaces of their own, nothing is flushed
 * and no fault is possible.
 *
 * @throws TestingError `UNSUPPORTED` for options that only a server of our own can have
 */
export async function foreignServer(url: string, options: StartRedisOptions): Promise<RedisServer> {
  const { within: _, ...rest } = options;
  const [option] = Object.keys(rest);
  if (option !== undefined) throw unsupported(`start a server with the option "${option}"`);
  await checkAnswers(url, undefined);
  return new ForeignServer(url);
}

/** The error of everything that a server of somebody else cannot do. */
export function unsupported(what: string): TestingError {
  return new TestingError(
    "UNSUPPORTED",
    `Cannot ${what}: ESCAPEMENT_TEST_REDIS names a server that runs already. Use "process" or "testcontainers" for this test.`,
  );
}

class ForeignServer implements RedisServer {
  readonly way = "url";
  readonly pid = undefined;
  readonly ca = undefined;
  readonly url: string;
  readonly port: number;
  readonly #clients: Clients;

  constructor(url: string) {
    this.url = url;
    this.port = Number(new URL(url).port || 6379);
    this.#clients = trackClients(url);
  }

  urlAs(): string {
    throw unsupported("tell its users' passwords");
  }

  get servers(): readonly [RedisServer] {
    return [this];
  }

  async masterOf(): Promise<RedisServer> {
    return this;
  }

  client(options?: RedisOptions): Redis {
    return this.#clients.open(options);
  }

  async kill(): Promise<void> {
    throw unsupported("kill it");
  }

  async freeze(): Promise<void> {
    throw unsupported("freeze it");
  }

  async thaw(): Promise<void> {
    throw unsupported("thaw it");
  }

  async shutdown(): Promise<void> {
    throw unsupported("shut it down");
  }

  async restart(): Promise<void> {
    throw unsupported("restart it");
  }

  async save(): Promise<string> {
    throw unsupported("save its data");
  }

  async restore(): Promise<void> {
    throw unsupported("replace its data");
  }

  async stop(): Promise<void> {
    this.#clients.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
