import type { Cluster, Redis } from "ioredis";

/** What went to and fro while something was done. */
export interface Traffic {
  /** Commands that clients sent; a call of a script is one. */
  readonly sent: number;
  /** Commands that scripts called. */
  readonly calls: number;
  /** Those of them that ask whether there is a key: mostly one that only some option writes. */
  readonly looks: number;
  /** Bytes that Redis received, in its protocol. */
  readonly bytesIn: number;
  /** Bytes that Redis answered. */
  readonly bytesOut: number;
}

/** A {@link Traffic} of nothing. */
export const noTraffic: Traffic = { sent: 0, calls: 0, looks: 0, bytesIn: 0, bytesOut: 0 };

/** One traffic with so many times another. */
export function plus(one: Traffic, other: Traffic, factor = 1): Traffic {
  return {
    sent: one.sent + factor * other.sent,
    calls: one.calls + factor * other.calls,
    looks: one.looks + factor * other.looks,
    bytesIn: one.bytesIn + factor * other.bytesIn,
    bytesOut: one.bytesOut + factor * other.bytesOut,
  };
}

interface Reading {
  readonly commands: number;
  readonly looks: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes of the answer that said so. */
  readonly answer: number;
}

const question = ["INFO", "stats", "commandstats"] as const;

/**
 * Reads from Redis' own counters what is done on a server that does nothing else. Redis counts a command that a script calls
 * as it counts one that a client sends; the clients whose commands are to be told from those are watched.
 */
export class Meter {
  readonly #redis: Redis;
  #sent = 0;

  constructor(redis: Redis, watched: readonly (Redis | Cluster)[]) {
    this.#redis = redis;
    for (const client of watched) this.#watch(client);
  }

  /** What doing something costs, and what it answers. What asking the counters costs is left out, to the byte. */
  async around<T>(doing: () => Promise<T>): Promise<[T, Traffic]> {
    const before = await this.#read();
    const sent = this.#sent;
    const answer = await doing();
    const after = await this.#read();
    const asked = Buffer.byteLength(resp(question));
    const own = this.#sent - sent;
    const traffic = {
      sent: own,
      calls: after.commands - before.commands - own - 1, // one: the reading before
      looks: after.looks - before.looks,
      bytesIn: after.bytesIn - before.bytesIn - asked,
      bytesOut: after.bytesOut - before.bytesOut - before.answer,
    };
    return [answer, traffic];
  }

  async #read(): Promise<Reading> {
    const text = String(await this.#redis.call(...question));
    const field = (name: string, value = "(\\d+)"): number =>
      Number(new RegExp(`^${name}:${value}`, "m").exec(text)?.[1] ?? 0);
    const commands = [...text.matchAll(/^cmdstat_[^:]+:calls=(\d+)/gm)];
    return {
      commands: commands.reduce((sum, [, calls]) => sum + Number(calls), 0),
      looks: field("cmdstat_exists", "calls=(\\d+)"),
      bytesIn: field("total_net_input_bytes"),
      bytesOut: field("total_net_output_bytes"),
      answer: Buffer.byteLength(bulk(text)),
    };
  }

  #watch(client: Redis | Cluster): void {
    const send = client.sendCommand.bind(client);
    client.sendCommand = (
      command: Parameters<Redis["sendCommand"]>[0],
      stream: Parameters<Redis["sendCommand"]>[1],
    ) => {
      this.#sent += 1;
      return send(command, stream);
    };
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

function resp(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(bulk).join("")}`;
}

/** Bytes that Redis says all keys with a prefix take, their names included. */
export async function storedBytes(redis: Redis, prefix: string): Promise<number> {
  let bytes = 0;
  const keys = new Set<string>();
  for await (const page of redis.scanStream({ match: `${prefix}*`, count: 1000 }))
    for (const key of page as string[]) keys.add(key);
  for (const key of keys) bytes += (await redis.memory("USAGE", key, "SAMPLES", 0)) ?? 0;
  return bytes;
}
