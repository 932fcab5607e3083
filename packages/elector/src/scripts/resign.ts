import { type Connection, defineScript, type Script } from "@escapement/redis/internal";
import type { LeaseKeys } from "./acquire.js";

const script: Script<"lease" | "epoch", "id" | "epoch" | "channel" | "message", never, number> =
  defineScript<number>()({
    name: "resign",
    version: 2,
    keys: ["lease", "epoch"],
    args: ["id", "epoch", "channel", "message"],
    file: new URL("./resign.lua", import.meta.url),
  });

/**
 * Ends the term `epoch` of `id` and publishes `message` on `channel`.
 *
 * @returns false if that term was over already
 * @throws RedisError
 */
export async function resign(
  connection: Connection,
  keys: LeaseKeys,
  input: {
    readonly id: string;
    readonly epoch: number;
    readonly channel: string;
    readonly message: string;
  },
  deadline: number,
): Promise<boolean> {
  return (await script.run(connection, { keys: { ...keys }, args: { ...input } }, deadline)) === 1;
}
