import { ask } from "./ask.js";
import type { RedisServer } from "./redis-server.js";

/** What one server of a cluster says of itself. */
export interface ClusterMember {
  readonly server: RedisServer;
  readonly id: string;
  readonly isMaster: boolean;
  /** The id of the master that it follows. */
  readonly follows: string | undefined;
  /** The number of its last election: of two that claim a slot, the higher one has it. */
  readonly epoch: number;
  /** The slots that it serves, as ranges with both ends. */
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** What each server that answers says of itself. */
export async function membersOf(servers: readonly RedisServer[]): Promise<ClusterMember[]> {
  const answers = await Promise.all(servers.map((server) => memberOf(server)));
  return answers.filter((member) => member !== undefined);
}

/** What a server says of itself; `undefined` if it does not answer. */
export async function memberOf(server: RedisServer): Promise<ClusterMember | undefined> {
  const lines = String(await ask(server, (client) => client.cluster("NODES"))).split("\n");
  const [id, , flags, follows, , , epoch, , ...slots] =
    lines.find((line) => /\bmyself\b/.test(line))?.split(" ") ?? [];
  if (id === undefined || flags === undefined) return undefined;
  return {
    server,
    id,
    isMaster: flags.includes("master"),
    follows: follows === "-" ? undefined : follows,
    epoch: Number(epoch),
    // Those in brackets are on their way to or from it.
    slots: slots.filter((slot) => !slot.startsWith("[")).map(rangeOf),
  };
}

/** Of the servers that take themselves for the master of a slot the one with the last word. */
export function ownerOf(slot: number, members: readonly ClusterMember[]): ClusterMember | undefined {
  return members
    .filter(
      (member) => member.isMaster && member.slots.some(([first, last]) => first <= slot && slot <= last),
    )
    .sort((a, b) => b.epoch - a.epoch)[0];
}

function rangeOf(text: string): [number, number] {
  const [first, last = first] = text.split("-").map(Number) as [number, number?];
  return [first, last];
}
