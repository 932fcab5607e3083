import { appliedBy, Carrier } from "../carrier.js";
import { Events } from "../events.js";
import type { Settings } from "../options.js";
import { copyPauses, noteAtHome } from "../pause-copies.js";
import { repeat } from "../repeat.js";
import { Store } from "../store.js";

/**
 * Has the partitions that there were hear all that they have to tell one another: the first one of pauses that jobs have set themselves, each of the ends and
 * ties of jobs that depend on each other. Messages name partitions by their numbers, of which there are to be others.
 *
 * @param mover the mark that keeps everybody else out
 * @param goOn throws before the next write if there is to be none
 */
export async function hearAll(
  settings: Settings,
  partitions: number,
  mover: string,
  goOn: () => void,
): Promise<void> {
  if (partitions === 1) return;
  const { redis, namespace, retention, deadline, logger } = settings;
  const family: Store[] = [];
  const carrier = new Carrier(new Events(logger));
  for (let partition = 0; partition < partitions; partition += 1) {
    const of = { redis, namespace, retention, deadline, leaseDeadline: deadline };
    family.push(new Store({ ...of, partitions, partition, family, mover }));
  }
  for (const store of family) carrier.join(store);
  try {
    for (const store of family.slice(1)) await carryPauses(store, goOn);
    for (let isQuiet = false; !isQuiet; ) {
      isQuiet = true;
      for (const teller of family)
        for (const receiver of await unheard(teller, family)) {
          goOn();
          isQuiet = false; // it may have left messages in turn
          await carrier.carry(teller.partition, receiver);
        }
    }
  } finally {
    for (const store of family) store.close();
  }
}

/** The partitions that have not applied all that this one has told them. */
async function unheard(teller: Store, family: readonly Store[]): Promise<number[]> {
  const { keys, commands, deadline, partition } = teller;
  const others = family.filter((other) => other !== teller);
  const names = others.map((other) => keys.outbox(other.partition));
  const there = await repeat(deadline, () =>
    commands.run("looking for outboxes", (client) => client.exists(...names)),
  );
  if (there === 0) return [];
  const found: number[] = [];
  for (const other of others) {
    const applied = await appliedBy(other, partition);
    const [next] = await repeat(deadline, () =>
      commands.run("looking at an outbox", (client) =>
        client.xrange(keys.outbox(other.partition), `(${applied}`, "+", "COUNT", 1),
      ),
    );
    if (next !== undefined) found.push(other.partition);
  }
  return found;
}

/** Tells partition 0 of the pauses that jobs of another one have set themselves, and of those that have gone with their jobs. */
async function carryPauses(store: Store, goOn: () => void): Promise<void> {
  const { keys, commands, home, deadline } = store;
  const said = await repeat(deadline, () =>
    commands.run("reading pauses", (client) => client.hgetall(keys.carry)),
  );
  const carried = Object.entries(said);
  if (carried.length === 0) return;
  goOn();
  const names = carried.map(([name]) => name);
  await repeat(deadline, () => noteAtHome(home.commands, home, names, carried));
  await repeat(deadline, () => copyPauses(commands, store, { carried }));
}
