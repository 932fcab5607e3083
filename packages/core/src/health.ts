import type { LoopName } from "./loop-watch.js";
import type { Refusal } from "./store.js";

/**
 * Why a scheduler is not ready, or not live.
 *
 * - `NOT_STARTED`: it is a client, or its `start()` has not come to its end
 * - `STOPPING`, `STOPPED`: `stop()` was called, or has come to its end
 * - `REDIS_UNAVAILABLE`: there is no connection to the job store, or it does not answer
 * - `REDIS_OUT_OF_MEMORY`: the job store is at its maxmemory, and refused the last write
 * - `REDIS_READONLY`: it is a replica, and refused the last write
 * - `REDIS_NOT_PERSISTING`: it cannot write its files, and refused the last write
 * - `NOT_JOINED`: the node's lease has ended, and it is about to join anew under another identity; or the machine's clock says so, having been set, and
 *   the next heartbeat will tell
 * - `VOTERS_LOST`: a majority of the voters cannot be reached
 * - `WORKER_STUCK`, `LEADER_STUCK`: a loop of this process stands still
 */
export type HealthCode =
  | "NOT_STARTED"
  | "STOPPING"
  | "STOPPED"
  | "REDIS_UNAVAILABLE"
  | "REDIS_OUT_OF_MEMORY"
  | "REDIS_READONLY"
  | "REDIS_NOT_PERSISTING"
  | "NOT_JOINED"
  | "VOTERS_LOST"
  | "WORKER_STUCK"
  | "LEADER_STUCK";

/** One reason. */
export interface HealthReason {
  readonly code: HealthCode;
  /** What it means and what to do, without addresses or passwords. */
  readonly message: string;
}

/** How a scheduler is, as far as it knows without asking anybody. */
export interface Health {
  /** `false`: it will not recover by itself, and a restart of the process helps. */
  readonly live: boolean;
  /** Whether it would start a run that is due now, or, as a node that only leads, do so when elected. */
  readonly ready: boolean;
  /** Why not; empty if it is ready. */
  readonly reasons: readonly HealthReason[];
}

/** What is looked at. All of it is known already: nothing is asked, so that the answer comes at once whatever hangs. */
export interface Signs {
  readonly state: "client" | "open" | "stopping" | "stopped";
  /** Whether all connections to the store can be used. */
  readonly connected: boolean;
  /** What the store answered to the last write, if it refused it. */
  readonly refusal: Refusal | undefined;
  /** Whether the node's lease surely holds. */
  readonly joined: boolean;
  /** Whether too few voters can be reached to grant a lock. */
  readonly votersLost: boolean;
  readonly stuck: readonly LoopName[];
}

const codeOf = {
  REDIS_FULL: "REDIS_OUT_OF_MEMORY",
  REDIS_READONLY: "REDIS_READONLY",
  MISCONF: "REDIS_NOT_PERSISTING",
} as const satisfies Record<Refusal, HealthCode>;

const messages: Readonly<Record<HealthCode, string>> = {
  NOT_STARTED: "The scheduler has not been started: it is a client, and runs nothing. Call start().",
  STOPPING: "The scheduler is being stopped: it starts nothing more.",
  STOPPED: "The scheduler has been stopped. Create another, or restart the process.",
  REDIS_UNAVAILABLE: "There is no connection to Redis, or it does not answer. Connecting goes on by itself.",
  REDIS_OUT_OF_MEMORY:
    "Redis is at its maxmemory and refuses writes. Raise it, or remove data; work goes on by itself.",
  REDIS_READONLY: "Redis is a read-only replica. After a failover this passes by itself.",
  REDIS_NOT_PERSISTING: "Redis cannot write its files and refuses writes. Look at its log and at the disk.",
  NOT_JOINED:
    "The node's lease has ended, or seems to have by this machine's clock. Once Redis answers it goes on, or joins anew by itself, under another identity.",
  VOTERS_LOST:
    "A majority of the voters cannot be reached: nothing starts. Bring them back; work goes on by itself.",
  WORKER_STUCK:
    "The worker loop stands still: nothing is started or completed. Restart the process, and report it.",
  LEADER_STUCK:
    "The leader loop stands still: this node schedules nothing. Restart the process, and report it.",
};

/** Judges the signs. */
export function judgeHealth(signs: Signs): Health {
  const codes = [...reasonsOf(signs)];
  return {
    live: signs.state !== "stopped" && signs.stuck.length === 0,
    ready: codes.length === 0,
    reasons: codes.map((code) => ({ code, message: messages[code] })),
  };
}

function* reasonsOf(signs: Signs): Generator<HealthCode> {
  const { state, connected, refusal, joined, votersLost, stuck } = signs;
  if (state === "stopped") {
    yield "STOPPED";
    return;
  }
  if (state === "client") yield "NOT_STARTED";
  if (state === "stopping") yield "STOPPING";
  if (!connected) yield "REDIS_UNAVAILABLE";
  if (refusal !== undefined) yield codeOf[refusal];
  if (state === "open" && !joined) yield "NOT_JOINED";
  if (votersLost) yield "VOTERS_LOST";
  for (const loop of stuck) yield loop === "worker" ? "WORKER_STUCK" : "LEADER_STUCK";
}
