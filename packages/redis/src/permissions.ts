import type { Connection } from "./connection.js";

/** A command with its arguments, as Redis takes them. */
export type Words = readonly [name: string, ...args: string[]];

/** What a user lacks for a command; `undefined`: nothing. */
export type Refusal = "command" | "key" | "channel" | undefined;

/**
 * Whether the connection's user may send these commands. None of them is carried out: they are queued in a transaction that is given up, and
 * Redis refuses what a user may not do as it is queued. The connection must be nobody else's, and is of no use afterwards.
 *
 * @throws RedisError; `REDIS_AUTH` if transactions themselves are refused
 */
export async function tryCommands(connection: Connection, commands: readonly Words[]): Promise<Refusal[]> {
  return connection.run("trying commands", async (client) => {
    await client.call("MULTI");
    return Promise.all(
      commands.map(([name, ...args]) =>
        client.call(name, ...args).then(
          () => undefined,
          (error: unknown) => refusalIn(error),
        ),
      ),
    );
  });
}

/** What a user lacks, if an error says that it lacks something. */
export function refusalIn(error: unknown): Refusal {
  const said = error instanceof Error ? error.message : "";
  if (!/^NOPERM/.test(said)) return undefined; // a full memory, another node's slot: what it says of itself
  if (/channel/.test(said)) return "channel";
  return /\bkeys?\b/.test(said) ? "key" : "command";
}
