import { canMoveClocks, movedClock } from "@escapement/testing";
import type { Befallen, FaultKind, Hands } from "./fault.js";
import { ask, nodeAt } from "./hands.js";

// Wall clocks that are wrong. Evidence is comparable all the same: it is stamped by the machine's monotonic clock, which nothing here touches.

/** Nobody but the topology `clock` can move its store's clock. */
const onClock: FaultKind["targets"] = ({ topology }) => (topology === "clock" ? ["clock"] : []);

/**
 * Redis' clock jumps 1.5 to 8 s ahead, and back after a while. Leases and locks may end at once: nodes start over, what they ran has another
 * attempt, no attempt starts twice. What is due in these seconds starts early by the machine's clock, and in time by that of Redis, which alone
 * decides. After the way back time stands still until it has caught up: nothing starts for as long as the jump was, and nothing is lost.
 */
export const redisClockAhead: FaultKind = {
  name: "redis-clock-ahead",
  targets: onClock,
  lasts: [1000, 6000],
  settles: 12_000,
  weight: 4, // it is what that topology is there for
  begin: (hands) => move(hands, hands.random.between(1500, 8000)),
};

/**
 * Redis' clock jumps 1 to 5 s back, and ahead again after a while. Time stands still meanwhile, or until it has caught up: fire times are late by as
 * much. Keys with a time to live, such as the leader's lease, last longer.
 */
export const redisClockBack: FaultKind = {
  name: "redis-clock-back",
  targets: onClock,
  lasts: [1000, 6000],
  settles: 6000,
  weight: 4,
  begin: (hands) => move(hands, -hands.random.between(1000, 5000)),
};

/** A node comes back with a wall clock that is 1 to 12 hours off, and later with the right one. It behaves like all others. */
export const nodeClock: FaultKind = {
  name: "node-clock",
  targets: ({ nodes }) => (canMoveClocks() ? nodes : []),
  lasts: [4000, 8000],
  settles: 3000,
  begin: async (hands) => {
    const { trial, target, random } = hands;
    const off = random.pick([-1, 1]) * random.between(3_600_000, 43_200_000);
    await nodeAt(hands).kill();
    const clock = await movedClock();
    clock.move(off);
    const node = await trial.addNode(target, {}, { env: clock.env });
    let said = 0;
    return {
      end: async () => {
        const nodes = await trial.client.nodes().catch(() => []);
        said = nodes.find(({ pid }) => pid === node.pid)?.clockOffset ?? 0;
        await node.kill();
        await trial.addNode(target);
      },
      proof: () =>
        Math.abs(said - off) < 60_000
          ? `${target} said that its clock was ahead of Redis' by ${said} ms`
          : "",
    };
  },
};

export const clockFaults: readonly FaultKind[] = [redisClockAhead, redisClockBack, nodeClock];

async function move({ trial }: Hands, ahead: number): Promise<Befallen> {
  const { clock } = trial.topology;
  if (clock === undefined)
    throw new Error(`The topology ${trial.topology.name} has no clock that can be moved`);
  clock.move(ahead);
  const by = Date.now();
  let back = Number.POSITIVE_INFINITY;
  // The server may be down just then: that is no trace, and the clock has to come back all the same.
  const seen = await ask(trial.redis, (client) => client.time())
    .then(([seconds = 0, micros = 0]) =>
      Math.round(Number(seconds) * 1000 + Number(micros) / 1000 - Date.now()),
    )
    .catch(() => 0);
  return {
    end: () => {
      back = Date.now();
      clock.move(0);
    },
    moved: () => ({ ahead, by, back }),
    proof: () => (Math.abs(seen - ahead) < 900 ? `TIME was ${seen} ms ahead of the machine's clock` : ""),
  };
}
