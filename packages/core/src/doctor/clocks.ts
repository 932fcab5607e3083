import { about, type Finding, some } from "./finding.js";
import type { Inspection } from "./picture.js";

/** Milliseconds that a clock may be off. */
const most = 1000;

/** Whether the store waits for Redis' clock to catch up with a time that it has seen. */
export async function examineStoreClock({ store }: Inspection): Promise<Finding[]> {
  const { ok, error } = about("store clock");
  const [time, seen] = await store.commands.run("reading the time", (client) =>
    Promise.all([client.time(), client.get(store.keys.clock)]),
  );
  const ahead = Number(seen ?? 0) - Number(time[0]) * 1000 - Math.floor(Number(time[1]) / 1000);
  if (ahead < most) return [ok("The store's time goes on.")];
  return [
    error(
      `The store has seen a time ${Math.round(ahead / 1000)} s later than Redis' clock tells now, and stands still until then. ` +
        `If that time was wrong, delete the key ${store.keys.clock}: leases and enqueued runs then go on at once. Jobs go on from the ` +
        "fire times that have been written by then; to have one go on sooner, remove it and define it again.",
    ),
  ];
}

/** How far the clocks of the nodes' machines are from Redis', as the nodes say. */
export async function examineNodeClocks({ picture }: Inspection): Promise<Finding[]> {
  const { ok, warning } = about("node clocks");
  const known = (await picture()).alive.flatMap(({ id, host, clockOffset }) =>
    clockOffset === undefined ? [] : [{ id, host, offset: clockOffset }],
  );
  const off = known.filter(({ offset }) => Math.abs(offset) > most);
  if (off.length === 0) return [ok("The nodes' clocks agree with Redis'.")];
  const offsets = off.map(({ offset }) => offset);
  if (off.length === known.length && off.length > 1 && Math.max(...offsets) - Math.min(...offsets) <= most)
    return [
      warning(
        `All ${off.length} nodes agree that Redis' clock is ${distance(-(offsets[0] ?? 0), "theirs")}: every run starts ` +
          `${(offsets[0] ?? 0) > 0 ? "later" : "sooner"} than their clocks say. Set Redis' clock by NTP, slowly.`,
      ),
    ];
  const which = off.map(({ id, host, offset }) => `${id} on ${host} is ${distance(offset, "Redis'")}`);
  return [
    warning(
      `Clocks differ: ${some(which)}. Redis' clock decides, so that runs start at the same time everywhere; set the machines by NTP, ` +
        "or what their handlers and logs take for the time is wrong.",
    ),
  ];
}

function distance(ms: number, than: string): string {
  return `${Math.abs(Math.round(ms))} ms ${ms < 0 ? "behind" : "ahead of"} ${than}`;
}
