import { type Connection, defineScript, type Script } from "@escapement/redis/internal";
import type { LeaseKeys } from "./acquire.js";

const script: Script<"lease" | "epoch", "id" | "ttl" | "epoch", never, number> = defineScript<number>()({
  name: "renew",
  version: 1,
  keys: ["lease", "epoch"],
  args: ["id", "ttl", "epoch"],
  file: new URL("./renew.lua", import.meta.url),
});

/**
 * Prolongs the lease to `ttl` milliseconds from now, if `id` still holds it in the term `epoch`.
 *
 * @returns false if that term is over
 * @throws RedisError
 */
export async function renew(
  connection: Connection,
  keys: LeaseKeys,
  input: { readonly id: string; readonly ttl: number; readonly epoch: number },
  deadline: number,
): Promise<boolean> {
  return (await script.run(connection, { keys: { ...keys }, args: { ...input } }, deadline)) === 1;
}
