import { type Connection, defineScript, type Script } from "@escapement/redis/internal";

/** Where the lease lies. */
export interface LeaseKeys {
  /** String: the holder's id, with the lease as its time to live. */
  readonly lease: string;
  /** String: number of the latest term. */
  readonly epoch: string;
}

/** What {@link acquire} found. */
export interface Acquired {
  /** Whether the lease is ours now. */
  readonly acquired: boolean;
  /** The present term: ours, or the holder's. */
  readonly epoch: number;
  /** For how many more milliseconds another one holds the lease; 0 if it is ours. */
  readonly freeIn: number;
}

const script: Script<"lease" | "epoch", "id" | "ttl" | "ended" | "seen", never, [number, number, number]> =
  defineScript<[number, number, number]>()({
    name: "acquire",
    version: 1,
    keys: ["lease", "epoch"],
    args: ["id", "ttl", "ended", "seen"],
    file: new URL("./acquire.lua", import.meta.url),
  });

/**
 * Takes the lease for `id` if it is free. Doing it again after a lost reply gives the term that the first request began.
 *
 * @param input `ended`: epoch of the last own term that is over, `seen`: the highest epoch heard of, both 0 for none; `ttl` in
 *   milliseconds
 * @throws RedisError; EscapementError `EPOCH_INVALID` if the epoch's key holds something else
 */
export async function acquire(
  connection: Connection,
  keys: LeaseKeys,
  input: { readonly id: string; readonly ttl: number; readonly ended: number; readonly seen: number },
  deadline: number,
): Promise<Acquired> {
  const [mine, epoch, freeIn] = await script.run(
    connection,
    { keys: { ...keys }, args: { ...input } },
    deadline,
  );
  return { acquired: mine === 1, epoch, freeIn };
}
