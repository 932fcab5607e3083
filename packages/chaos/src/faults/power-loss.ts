import { readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { eventually, type RedisServer } from "@escapement/testing";
import type { Redis } from "ioredis";
import type { FaultKind } from "./fault.js";
import { ask, serverAt } from "./hands.js";

/**
 * SIGKILL, and what was not surely on the disk is gone when the same server comes back. A SIGKILL alone loses nothing: what a process wrote to a file
 * stays in the system's memory when the process ends. So the append-only file is cut back to where it ended 0.2 to 1 s before, which is what
 * `appendfsync everysec` may lose, and a little behind it, in the midst of a command. With `always` all that was acknowledged is on the disk, and there
 * would be nothing to cut; it does not happen there.
 */
export const powerLoss: FaultKind = {
  name: "power-loss",
  targets: ({ topology, store }) => (/^everysec/.test(topology) && store > 0 ? ["store-0"] : []),
  lasts: [1, 2500],
  settles: 3000,
  weight: 4, // it is what these topologies are there for
  begin: async (hands) => {
    const server = serverAt(hands);
    const streams = Array.from({ length: hands.trial.partitions }, (_, partition) =>
      hands.trial.keyOf("events", partition),
    );
    const synced = await ask(server, endOfFile);
    await hands.trial.lasts(hands.random.between(200, 1000));
    const lasts = await ask(server, (client) => Promise.all(streams.map((key) => lastEntry(client, key))));
    await server.kill();
    const cut = await cutBack(synced, (bytes) => hands.random.between(0, Math.min(bytes, 400)));
    let gone: string | undefined;
    return {
      end: async () => {
        await server.restart();
        gone = await ask(server, async (client) => {
          const left = await Promise.all(
            streams.map((key, index) => client.xrange(key, lasts[index] ?? "-", lasts[index] ?? "+")),
          );
          return lasts.find((_, index) => left[index]?.length === 0);
        });
        await rewriteFile(server);
      },
      proof: () =>
        cut.bytes > 0 && gone !== undefined
          ? `the last ${cut.bytes} of ${cut.of} bytes of the append-only file were cut off; ${gone}, the last entry of events before, is gone`
          : "",
    };
  },
};

/**
 * Redis 7.0 cuts a torn command off, and leaves what stands before it of the same transaction, its MULTI without an EXEC: with the next start a
 * part of a script that was never acknowledged takes effect. A rewrite takes that away, as docs/deploy.md tells operators to do.
 */
async function rewriteFile(server: RedisServer): Promise<void> {
  await ask(server, (client) => client.bgrewriteaof());
  const isOver = async (): Promise<boolean> => {
    const info = await ask(server, (client) => client.info("persistence"));
    return !/aof_rewrite_(in_progress|scheduled):1/.test(info);
  };
  await eventually(isOver, { within: 20_000, every: 100 });
}

/** The file that is being appended to, and where it ends. */
interface End {
  readonly folder: string;
  readonly file: string;
  readonly at: number;
}

async function endOfFile(client: Redis): Promise<End> {
  const answer = (await client.config("GET", "dir", "appenddirname")) as string[];
  const setting = (name: string): string => answer[answer.indexOf(name) + 1] ?? "";
  const folder = join(setting("dir"), setting("appenddirname"));
  const file = await lastIncrement(folder);
  return { folder, file, at: (await stat(join(folder, file))).size };
}

/** What the manifest names last: it is appended to. */
async function lastIncrement(folder: string): Promise<string> {
  const manifest = await readFile(join(folder, "appendonly.aof.manifest"), "utf8");
  return [...manifest.matchAll(/^file (\S+) .*type i$/gm)].at(-1)?.[1] ?? "";
}

/** Takes off what was appended since, but for a few bytes. A file that was begun meanwhile is left alone: then there was a rewrite, and nothing is known. */
async function cutBack(
  { folder, file, at }: End,
  leaves: (bytes: number) => number,
): Promise<{ readonly bytes: number; readonly of: number }> {
  const path = join(folder, file);
  const of = (await stat(path)).size;
  if ((await lastIncrement(folder)) !== file || of <= at) return { bytes: 0, of };
  const bytes = of - at - leaves(of - at - 1);
  await truncate(path, of - bytes);
  return { bytes, of };
}

async function lastEntry(client: Redis, stream: string): Promise<string> {
  const [entry] = await client.xrevrange(stream, "+", "-", "COUNT", 1);
  return entry?.[0] ?? "0-1";
}
