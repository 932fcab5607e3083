import {
  type Keys,
  keysOfNodes,
  neededCommands,
  nodeCommands,
  type Refusal,
  readingCommands,
  refusalIn,
  tryCommands,
  type Words,
  writingCommands,
} from "@escapement/redis/internal";
import type { Store } from "../store.js";
import { about, type Finding, some } from "./finding.js";
import type { Inspection } from "./picture.js";

/** What of all that a node needs was refused. */
interface Refused {
  readonly commands: readonly string[];
  /** Keys that may not be read, and that may not be written. */
  readonly reading: readonly string[];
  readonly writing: readonly string[];
  readonly channels: readonly string[];
}

/**
 * Whether the user may do what a node needs: its commands, all keys of the namespace, its channels. Nothing is carried out for it. One
 * who has the rules of a client or an observer, and so is kept from a node's keys on purpose, is told what that means.
 */
export async function examinePermissions({ store }: Inspection): Promise<Finding[]> {
  const { ok, warning, error } = about("permissions");
  const refused = await refusedOf(store);
  if (refused === "MULTI")
    return [
      error(
        "The user may not use transactions, which this check needs: grant +multi, and ask again what else is missing.",
      ),
    ];
  const missing = missingOf(refused, store.keys.prefix);
  if (missing.length === 0) return [ok("The user may do all that Escapement needs.")];
  const narrower = narrowerRole(refused, store.keys);
  if (narrower !== undefined) return [warning(narrower)];
  return [
    error(
      `The user lacks ${missing.join("; and ")}. See ACL SETUSER; what runs without them fails where they are needed.`,
    ),
  ];
}

function missingOf({ commands, reading, writing, channels }: Refused, prefix: string): string[] {
  const keys = [...new Set([...reading, ...writing])];
  return [
    ...(commands.length === 0
      ? []
      : [`commands, to be granted as ${commands.map((name) => `+${name}`).join(" ")}`]),
    ...(keys.length === 0
      ? []
      : [`keys, such as ${some(keys, 3)}: grant ~${prefix}* (all keys of the namespace)`]),
    ...(channels.length === 0 ? [] : [`channels, ${[...new Set(channels)].join(", ")}: grant &${prefix}*`]),
  ];
}

/** What a user may do who is kept from writing keys on purpose; `undefined` for any other. */
function narrowerRole({ commands, reading, writing, channels }: Refused, keys: Keys): string | undefined {
  const reads = reading.length === 0 && !readingCommands.some((text) => commands.includes(nameOf(text)));
  if (!reads) return undefined;
  if (
    writing.length === keysOf(keys).length ||
    writingCommands.every((text) => commands.includes(nameOf(text)))
  )
    return "The user may read everything and change nothing, as an observer. Nodes and clients need more: see escapement acl.";
  const ofNodes = keysOf(keys, keysOfNodes);
  if (writing.length !== ofNodes.length || !ofNodes.every((key) => writing.includes(key))) return undefined;
  const nodeOnly = ["subscribe", ...nodeCommands.map(nameOf)];
  if (channels.length > 0 || !commands.every((name) => nodeOnly.includes(name))) return undefined;
  return "The user may define, trigger, pause and read, as a client. A node needs more: see escapement acl.";
}

async function refusedOf(store: Store): Promise<Refused | "MULTI"> {
  const { nodes, leader, wake } = store.keys;
  const keys = keysOf(store.keys);
  const channels = [wake, `${leader}:resigned`];
  const attempts: Words[] = [
    ...neededCommands.map((text) => wordsOf(text, nodes, wake)),
    ...keys.map((key): Words => ["GET", key]),
    ...keys.map((key): Words => ["SET", key, "v"]),
    ...channels.map((channel): Words => ["PUBLISH", channel, "v"]),
  ];
  const subscribing = await subscribe(store);
  const refusals = await attempt(store, attempts).catch((cause: unknown) => {
    if ((cause as { code?: string }).code === "REDIS_AUTH") return "MULTI" as const;
    throw cause;
  });
  if (refusals === "MULTI") return refusals;
  /** The words after a command that was refused for `what`, of the attempts that come next. */
  let from = 0;
  const next = (count: number, what: Refusal): Words[] => {
    const part = attempts.slice(from, from + count).filter((_, index) => refusals[from + index] === what);
    from += count;
    return part;
  };
  const commands = next(neededCommands.length, "command").map(([name]) => name.toLowerCase());
  const keyOf = ([, key = ""]: Words): string => key;
  const [reading, writing] = [next(keys.length, "key").map(keyOf), next(keys.length, "key").map(keyOf)];
  return {
    commands: [...commands, ...(subscribing === "command" ? ["subscribe"] : [])],
    reading,
    writing,
    channels: [...next(channels.length, "channel").map(keyOf), ...(subscribing === "channel" ? [wake] : [])],
  };
}

async function attempt(store: Store, attempts: readonly Words[]): Promise<Refusal[]> {
  const own = store.openReader();
  try {
    await own.ready();
    return await tryCommands(own, attempts);
  } finally {
    store.closeReader(own);
  }
}

/** Cannot be queued; to subscribe harms nobody. */
async function subscribe(store: Store): Promise<Refusal> {
  const own = store.openReader();
  try {
    await own.ready();
    await own.run("subscribing", (client) => client.subscribe(store.keys.wake));
    return undefined;
  } catch (error) {
    return refusalIn((error as Error).cause);
  } finally {
    store.closeReader(own);
  }
}

function wordsOf(text: string, key: string, channel: string): Words {
  const [name = "", ...args] = text.split(" ");
  return [name, ...args.map((arg) => (arg === "K" ? key : arg === "C" ? channel : arg))];
}

/** The name of a command, as rules have it. */
function nameOf(text: string): string {
  return (text.split(" ", 1)[0] ?? "").toLowerCase();
}

/** One key of each kind. */
function keysOf(keys: Keys, kinds?: readonly (keyof Keys)[]): string[] {
  const { prefix: _, wake: __, ...all } = keys;
  return Object.entries<string | ((...parts: never[]) => string)>(all)
    .filter(([kind]) => kinds?.includes(kind as keyof Keys) ?? true)
    .map(([, key]) =>
      typeof key === "string" ? key : (key as (one: string, two: string) => string)("x", "1"),
    );
}
