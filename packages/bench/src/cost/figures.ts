import { type RedisServer, startRedis } from "@escapement/testing";
import { type Idle, measureIdle } from "./idle.js";
import { type Amounts, type Cost, measure } from "./measure.js";
import { plus, type Traffic } from "./meter.js";
import { plain, rows } from "./rows.js";
import { measureBeside, measureSituation, neighbours, situations } from "./situations.js";

/** A figure with its name. */
export interface Named {
  readonly name: string;
  readonly traffic: Traffic;
  readonly why?: string;
}

/** All that docs/cost.md says. */
export interface CostFigures {
  readonly redis: string;
  readonly amounts: Amounts;
  readonly plain: Cost;
  /** Absolute, as {@link CostFigures.plain}. */
  readonly rows: readonly Cost[];
  /** Runs without a job; absolute. */
  readonly enqueued: readonly Cost[];
  /** What the second of two runs adds to the first, which has the same options. */
  readonly situations: readonly Named[];
  /** What it adds to a plain run of another job. */
  readonly neighbours: readonly Named[];
  readonly idle: Idle;
}

/** Measures everything, on a Redis started for it. `idleMs`: how long idle nodes are watched, each time. */
export async function costFigures(amounts: Amounts, idleMs: number): Promise<CostFigures> {
  await using server = await startRedis();
  const redis = await versionOf(server);
  const base = await measure(server, plain, amounts);
  const costs: Cost[] = [];
  const enqueued: Cost[] = [];
  for (const row of rows) (row.enqueued ? enqueued : costs).push(await measure(server, row, amounts));
  const met: Named[] = [];
  for (const situation of situations) {
    const traffic = await measureSituation(server, situation);
    met.push({ name: situation.name, why: situation.why, traffic });
  }
  const beside: Named[] = [];
  for (const neighbour of neighbours) {
    const traffic = plus(await measureBeside(server, neighbour), base.alone, -1);
    beside.push({ name: neighbour.name, traffic });
  }
  const idle = await measureIdle(server, idleMs);
  return { redis, amounts, plain: base, rows: costs, enqueued, situations: met, neighbours: beside, idle };
}

/** What it is, and of which version. */
export async function versionOf(server: RedisServer): Promise<string> {
  const redis = server.client();
  const info = await redis.info("server");
  redis.disconnect();
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  return valkey === undefined
    ? `Redis ${/^redis_version:(\S+)/m.exec(info)?.[1] ?? "?"}`
    : `Valkey ${valkey}`;
}
