import { checkRedisUrl, type RedisSource } from "@escapement/redis";
import { addressOf, checkNamespace, kindOf, problemOf, show } from "@escapement/redis/internal";
import { fields, isOptions, nameAt, oneOf, orElse, readable, whole } from "./check.js";
import { defaultMaxInput } from "./definition.js";
import { InvalidOptionError } from "./errors.js";
import {
  type Limit,
  limitOf,
  type RateLimit,
  rateOf,
  type ScopedLimit,
  type ScopedRate,
  scoped,
} from "./limit.js";
import { defaultLogger, type Logger } from "./logger.js";
import { type RetainSettings, type Retention, retentionOf } from "./retention.js";
import { duration } from "./times.js";

/** What a node does: lead when it is elected, run tasks, or both. */
export type Role = "leader" | "worker";

/** Options of `createScheduler`. Durations are milliseconds, or texts such as `"10s"`. */
export interface SchedulerOptions {
  /** The job store: a URL (of a server, of sentinels or of a cluster), ioredis options, or an ioredis client or cluster, whose options are taken over. @default `ESCAPEMENT_REDIS_URL`, or redis://localhost:6379 */
  readonly redis?: RedisSource;
  /** Whoever shares it shares the jobs. @default `ESCAPEMENT_NAMESPACE`, or "default" */
  readonly namespace?: string;
  /**
   * Over how many partitions the namespace is spread, 1 to 256: fixed when it is founded. On Redis Cluster they lie on as many masters as there are.
   * Who is set to another number than the namespace has is refused (`PARTITION_MISMATCH`). @default `ESCAPEMENT_PARTITIONS`, or 1
   */
  readonly partitions?: number;
  /** @default both */
  readonly roles?: readonly Role[];
  /** The queues that this node takes runs from; one with a limit or rate as `{ name, limit, rateLimit }`. @default ["default"] */
  readonly queues?: readonly (
    | string
    | { readonly name: string; readonly limit?: number | Limit; readonly rateLimit?: RateLimit }
  )[];
  /** How many runs may run at once in the whole cluster: a number, or with what becomes of one more. @default any */
  readonly limit?: number | Limit;
  /** How many runs this node carries out at once, 1 to 10 000. @default 20 */
  readonly concurrency?: number;
  /**
   * Independent Redis masters that vote on each attempt's lock: none, 1, 3 or 5. With three or more an attempt starts once even
   * if the store loses acknowledged writes. @default none: the store itself holds the locks
   */
  readonly voters?: readonly RedisSource[];
  /** How far ahead runs are written; longer than it takes to elect another leader. @default "15s" */
  readonly lookahead?: number | string;
  /** The lease of a node: that long after its last sign of life its runs are taken over. @default "10s" */
  readonly nodeTtl?: number | string;
  /** The lease of the leader. @default "5s" */
  readonly leaderTtl?: number | string;
  /** How long an attempt's lock is kept. @default "5m" */
  readonly lockTtl?: number | string;
  /** The slow poll that backs up timers and published messages. @default "5s" */
  readonly pollEvery?: number | string;
  /** How long the leader's sweeper rests between two sweeps, in a store of over some 1000 jobs and runs between two pages. @default "10s" */
  readonly sweepEvery?: number | string;
  /** A pause that lasts so long is told of as `pausedTooLong`, and again each time that as long has passed. @default "24h" */
  readonly pausedTooLong?: number | string;
  /** How long any call to Redis may take. @default "5s" */
  readonly deadline?: number | string;
  /** How long a handler has to end once its signal is aborted, before its slot is given away. @default "10s" */
  readonly abortGrace?: number | string;
  /** What is kept of finished runs. @default 100 runs of each job and 1000 enqueued ones of each task, for 7 days */
  readonly retain?: RetainSettings;
  /**
   * The cluster's stream of events: how many entries are kept, each of at most some 2 KiB and of one step of one node; 0: none are written
   * by this process. @default 5000
   */
  readonly events?: { readonly max?: number };
  /** The most bytes of JSON in an input or metadata. @default 65536 */
  readonly maxInput?: number;
  /** The most bytes of JSON in a result. @default 65536 */
  readonly maxResult?: number;
  /** Start although Redis' maxmemory-policy may delete jobs and locks. @default false */
  readonly allowEviction?: boolean;
  /** Let an error that a handler left uncaught end its attempt instead of the process. @default true */
  readonly catchCrashes?: boolean;
  /** pino, or anything with its methods. @default pino, warnings and errors only */
  readonly logger?: Logger;
}

/** The options with every default filled in. */
export interface Settings {
  readonly redis: RedisSource;
  readonly namespace: string;
  readonly partitions: number;
  readonly roles: readonly Role[];
  readonly queues: readonly string[];
  /** Of the whole and of queues. */
  readonly limits: readonly ScopedLimit[];
  readonly rates: readonly ScopedRate[];
  readonly concurrency: number;
  readonly voters: readonly RedisSource[];
  readonly lookahead: number;
  readonly nodeTtl: number;
  readonly leaderTtl: number;
  readonly lockTtl: number;
  readonly pollEvery: number;
  readonly sweepEvery: number;
  readonly pausedTooLong: number;
  readonly deadline: number;
  readonly abortGrace: number;
  readonly retention: Retention;
  readonly eventsMax: number;
  readonly maxInput: number;
  readonly maxResult: number;
  readonly allowEviction: boolean;
  readonly catchCrashes: boolean;
  readonly logger: Logger;
}

const known = [
  "redis",
  "namespace",
  "partitions",
  "roles",
  "queues",
  "limit",
  "concurrency",
  "voters",
  "lookahead",
  "nodeTtl",
  "leaderTtl",
  "lockTtl",
  "pollEvery",
  "sweepEvery",
  "pausedTooLong",
  "deadline",
  "abortGrace",
  "retain",
  "events",
  "maxInput",
  "maxResult",
  "allowEviction",
  "catchCrashes",
  "logger",
] as const satisfies (keyof SchedulerOptions)[];

/** As many as nobody has masters for: each one is a lease, a leader and connections of its own in every process. */
export const mostPartitions = 256;

function fromEnvironment(): number {
  const text = process.env["ESCAPEMENT_PARTITIONS"] ?? "";
  return text === "" ? 1 : whole("ESCAPEMENT_PARTITIONS", Number(text), 1, mostPartitions);
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws InvalidOptionError
 */
export function settingsOf(options: SchedulerOptions): Settings {
  return readable("options", () => checkedSettings(options));
}

function checkedSettings(options: SchedulerOptions): Settings {
  const given = fields("options", options, known) as SchedulerOptions;
  const time = (path: keyof SchedulerOptions, normal: number, least: number): number =>
    duration(path, orElse(given[path], normal), least);
  const events = fields("events", orElse(given.events, {}), ["max"]);
  const settings: Settings = {
    redis: redisAt(
      "redis",
      orElse(given.redis, process.env["ESCAPEMENT_REDIS_URL"] ?? "redis://localhost:6379"),
    ),
    namespace: namespaceOf(orElse(given.namespace, process.env["ESCAPEMENT_NAMESPACE"] ?? "default")),
    partitions: whole("partitions", orElse(given.partitions, fromEnvironment()), 1, mostPartitions),
    roles: rolesOf(orElse(given.roles, ["leader", "worker"])),
    ...queuesOf(orElse(given.queues, ["default"]), limitOf("limit", given.limit)),
    concurrency: whole("concurrency", orElse(given.concurrency, 20), 1, 10_000),
    voters: votersOf(orElse(given.voters, [])),
    lookahead: time("lookahead", 15_000, 1000),
    nodeTtl: time("nodeTtl", 10_000, 500),
    leaderTtl: time("leaderTtl", 5000, 500),
    lockTtl: time("lockTtl", 300_000, 1000),
    pollEvery: time("pollEvery", 5000, 50),
    sweepEvery: time("sweepEvery", 10_000, 50),
    pausedTooLong: time("pausedTooLong", 86_400_000, 1000),
    deadline: time("deadline", 5000, 50),
    abortGrace: time("abortGrace", 10_000, 1),
    retention: retentionOf(given.retain),
    eventsMax: whole("events.max", orElse(events["max"], 5000), 0, 1_000_000),
    maxInput: whole("maxInput", orElse(given.maxInput, defaultMaxInput), 1024, 16 * 2 ** 20),
    maxResult: whole("maxResult", orElse(given.maxResult, defaultMaxInput), 1024, 16 * 2 ** 20),
    allowEviction: oneOrOther("allowEviction", orElse(given.allowEviction, false)),
    catchCrashes: oneOrOther("catchCrashes", orElse(given.catchCrashes, true)),
    logger: given.logger === undefined ? defaultLogger() : loggerOf(given.logger),
  };
  // Two thirds of the lookahead are always written: they have to last until another leader is there.
  if (settings.lookahead * 2 < settings.leaderTtl * 3) {
    throw new InvalidOptionError(
      "lookahead",
      `must be at least one and a half times leaderTtl (${settings.leaderTtl} ms), so that a leader's death delays nothing.`,
    );
  }
  return settings;
}

/** A Redis' address, as far as it can be judged without asking it. */
function redisAt(path: string, value: unknown): RedisSource {
  if (isOptions(value)) {
    const problem = problemOf(value as RedisSource);
    if (problem !== undefined) throw new InvalidOptionError(`${path}.${problem.option}`, problem.message);
    return value as RedisSource;
  }
  if (typeof value !== "string")
    throw new InvalidOptionError(
      path,
      `must be a URL, ioredis options or an ioredis client, not ${show(value)}.`,
    );
  try {
    checkRedisUrl(value);
    return value;
  } catch (cause) {
    throw new InvalidOptionError(path, (cause as Error).message, { cause, code: "INVALID_REDIS_URL" });
  }
}

function oneOrOther(path: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new InvalidOptionError(path, `must be true or false, not ${show(value)}.`);
}

function loggerOf(value: unknown): Logger {
  const methods = ["debug", "info", "warn", "error", "child"] as const;
  const given = (value ?? {}) as Partial<Logger>;
  const missing = methods.find((name) => typeof given[name] !== "function");
  if (missing === undefined) return given as Logger;
  throw new InvalidOptionError("logger", `must be a logger such as pino's; it has no method ${missing}.`);
}

function namespaceOf(value: unknown): string {
  try {
    return checkNamespace(value);
  } catch (cause) {
    throw new InvalidOptionError("namespace", (cause as Error).message, { cause, code: "INVALID_NAME" });
  }
}

function rolesOf(value: unknown): Role[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new InvalidOptionError("roles", 'must be a list of "leader" and "worker".');
  return [...new Set(value.map((role, index) => oneOf<Role>(`roles[${index}]`, role, ["leader", "worker"])))];
}

function queuesOf(
  value: unknown,
  limit: Required<Limit> | undefined,
): Pick<Settings, "queues" | "limits" | "rates"> {
  if (!Array.isArray(value) || value.length > 100)
    throw new InvalidOptionError("queues", "must be a list of at most 100 names.");
  const limits = scoped("all", limit);
  const rates: ScopedRate[] = [];
  const queues = value.map((item: unknown, index) => {
    const path = `queues[${index}]`;
    if (typeof item === "string") return nameAt(path, item);
    const given = fields(path, item, ["name", "limit", "rateLimit"]);
    const name = nameAt(`${path}.name`, given["name"]);
    limits.push(...scoped(`queue:${name}`, limitOf(`${path}.limit`, given["limit"])));
    const rate = rateOf(`${path}.rateLimit`, given["rateLimit"]);
    if (rate !== undefined) rates.push({ scope: `queue:${name}`, ...rate });
    return name;
  });
  if (queues.length > 0) return { queues: [...new Set(queues)], limits, rates };
  throw new InvalidOptionError(
    "queues",
    'must name at least one queue. A node that is to run nothing has the roles ["leader"].',
  );
}

/** Whether the one voter is the store itself: then its locks are taken within the claim, and cost no round trip. */
export function storeVotes({ redis, voters }: Pick<Settings, "redis" | "voters">): boolean {
  const [only, ...others] = voters;
  if (only === undefined) return true;
  return others.length === 0 && addressOf(only) !== undefined && addressOf(only) === addressOf(redis);
}

function votersOf(value: unknown): readonly RedisSource[] {
  if (Array.isArray(value) && [0, 1, 3, 5].includes(value.length)) {
    const voters = value.map((voter, index) => voterAt(`voters[${index}]`, voter));
    assertDifferent(voters);
    return voters;
  }
  const problem = Array.isArray(value) ? `${value.length} were given` : "it is no list";
  throw new InvalidOptionError(
    "voters",
    `must be none, 1, 3 or 5 independent Redis masters; ${problem}. An even number can split its votes for ever.`,
  );
}

/** What fails over forgets locks that it has given, and then it is no vote that counts. */
function voterAt(path: string, value: unknown): RedisSource {
  const voter = redisAt(path, value);
  if (kindOf(voter) === "server") return voter;
  throw new InvalidOptionError(
    path,
    "must be one Redis master of its own, not a cluster or what sentinels watch over: a failover would forget locks.",
  );
}

/** A server that votes twice holds a lock against itself: none would ever be granted. */
function assertDifferent(voters: readonly RedisSource[]): void {
  const addresses = voters.map((voter) => addressOf(voter));
  for (const [index, address] of addresses.entries()) {
    const first = addresses.indexOf(address);
    if (address === undefined || first === index) continue;
    throw new InvalidOptionError(
      `voters[${index}]`,
      `is the same server as voters[${first}] (${address}). Each voter must be a Redis of its own, or no lock is granted.`,
    );
  }
}
