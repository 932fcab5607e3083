import { appliedBy } from "../carrier.js";
import type { Store } from "../store.js";
import { about, type Finding, lasted } from "./finding.js";
import type { Inspection } from "./picture.js";

/** Milliseconds for which a message may wait: leaders carry what is left each half second. */
const waitsFor = 10_000;

/** Whether other partitions have heard what this one has to tell them of jobs that depend on each other. Of a namespace of several partitions. */
export async function examineMessages({ store }: Inspection): Promise<Finding[]> {
  const { carrier, partition } = store;
  if (carrier === undefined) return [];
  const { ok, error } = about("messages");
  const others = carrier.stores.filter((other) => other !== store);
  const found = await Promise.all(
    others.map(async (other) => {
      const what = `What partition ${partition} has to tell partition ${other.partition} of jobs that depend on each other`;
      try {
        const since = await waitingSince(store, other);
        const waited = since === undefined ? 0 : (await store.now()) - since;
        if (waited < waitsFor) return [];
        const why = "These do not start. Is there a leader of that partition, and what does its log say?";
        return [error(`${what} has waited for ${lasted(waited)}. ${why}`)];
      } catch (failed) {
        return [error(`${what} could not be looked at: ${(failed as Error).message}`)];
      }
    }),
  );
  const errors = found.flat();
  return errors.length > 0
    ? errors
    : [ok(`Partition ${partition} has told the others all that they have to know.`)];
}

/** When the first message was left that the receiver has not applied, in ms. */
async function waitingSince(store: Store, receiver: Store): Promise<number | undefined> {
  const outbox = store.keys.outbox(receiver.partition);
  const there = await store.commands.run("looking for an outbox", (client) => client.exists(outbox));
  if (there === 0) return undefined;
  const applied = await appliedBy(receiver, store.partition);
  const [first] = await store.commands.run("looking at an outbox", (client) =>
    client.xrange(outbox, `(${applied}`, "+", "COUNT", 1),
  );
  return first === undefined ? undefined : Number(first[0].split("-")[0]);
}
