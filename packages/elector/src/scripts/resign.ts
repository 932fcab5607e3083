import { type Connection, defineScript, type Script } from "@escapement/redis/internal";
import type { LeaseKeys } from "./acquire.js";

const script: Script<"lease" | "epoch", "id" | "epoch" | "channel", never, number> = defineScript<number>()({
  name: "resign",
  version: 1,
  keys: ["lease", "epoch"],
  args: ["id", "epoch", "channel"],
  file: new URL("./resign.lua", import.meta.url),
});

/**
 * Ends the term `epoch` of `id` and publishes its id on `channel`.
 *
 * @returns false if that term was over already
 * @throws RedisError
 */
export async function resign(
  connection: Connection,
  keys: LeaseKeys,
  input: { readonly id: string; readonly epoch: number; readonly channel: string },
  deadline: number,
): Promise<boolean> {
  return (await script.run(connection, { keys: { ...keys }, args: { ...input } }, deadline)) === 1;
}
