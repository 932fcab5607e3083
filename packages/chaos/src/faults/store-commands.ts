import { eventually, type RedisServer } from "@escapement/testing";
import { type FaultKind, named } from "./fault.js";
import { ask, infoNumber, serverAt } from "./hands.js";

// What an operator, another client or a full machine does to the store, by commands.

const onStore: FaultKind["targets"] = ({ store }) => named("store", store);

/** SCRIPT FLUSH: nodes are told NOSCRIPT, and send their scripts again. */
export const scriptFlush: FaultKind = {
  name: "script-flush",
  targets: onStore,
  lasts: [1, 1],
  begin: async (hands) => {
    const server = serverAt(hands);
    const refused = await infoNumber(server, "errorstats", "errorstat_NOSCRIPT");
    const [cached, left] = await ask(server, async (client) => {
      const before = await cachedScripts(server);
      // Within one step: a node could send one again in between.
      const answers = await client.multi().script("FLUSH").info("memory").exec();
      return [before, Number(/number_of_cached_scripts:(\d+)/.exec(String(answers?.[1]?.[1]))?.[1])];
    });
    return {
      proof: async () => {
        const rose = left < cached ? await risen(server, "NOSCRIPT", refused, 5000) : 0;
        return rose > 0 ? `${cached} cached scripts became ${left}, NOSCRIPT was answered ${rose} times` : "";
      },
    };
  },
};

/** CLIENT KILL for all clients but one: they connect again, and do not know what became of what they had asked for. */
export const clientKill: FaultKind = {
  name: "client-kill",
  targets: onStore,
  lasts: [1, 1],
  begin: async (hands) => {
    const killed = await ask(serverAt(hands), async (client) => [
      Number(await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")),
      Number(await client.call("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")),
    ]);
    const [normal = 0, subscribers = 0] = killed;
    return {
      proof: () =>
        normal > 0 ? `Redis closed ${normal} connections, and ${subscribers} of subscribers` : "",
    };
  },
};

/** CLIENT PAUSE, for all that clients ask for or for what writes: it is answered late. */
export const clientPause: FaultKind = {
  name: "client-pause",
  targets: onStore,
  lasts: [200, 4000],
  begin: async (hands) => {
    const server = serverAt(hands);
    const what = hands.random.pick(["ALL", "WRITE"]);
    await ask(server, (client) => client.call("CLIENT", "PAUSE", hands.lasts, what));
    const asked = performance.now();
    // Counts as a write, and writes nothing.
    const waited = ask(server, (client) => client.publish("chaos", "")).then(
      () => performance.now() - asked,
      () => 0,
    );
    return {
      proof: async () => {
        const ms = await waited;
        return ms > hands.lasts / 2
          ? `after CLIENT PAUSE ${hands.lasts} ${what} a PUBLISH was answered after ${Math.round(ms)} ms`
          : "";
      },
    };
  },
};

/** The memory is full, by `maxmemory`: what may not run then is refused with OOM, and goes on when there is room. */
export const memoryFull: FaultKind = {
  name: "memory-full",
  targets: onStore,
  lasts: [1000, 4000],
  begin: async (hands) => {
    const server = serverAt(hands);
    const refused = await infoNumber(server, "errorstats", "errorstat_OOM");
    const used = await infoNumber(server, "memory", "used_memory");
    const limit = (bytes: number): Promise<unknown> =>
      ask(server, (client) => client.config("SET", "maxmemory", bytes));
    const [, before] = (await ask(server, (client) => client.config("GET", "maxmemory"))) as [string, string];
    await limit(Math.floor(used * 0.9));
    return {
      end: () => eventually(async () => (await limit(Number(before))) === "OK", { within: 20_000 }),
      proof: async () => {
        const rose = await risen(server, "OOM", refused, 1);
        return rose > 0 ? `OOM was answered ${rose} times` : "";
      },
    };
  },
};

/** Another client's script runs for long, until SCRIPT KILL ends it: all others are told BUSY, or wait for as long. */
export const busyScript: FaultKind = {
  name: "busy-script",
  targets: onStore,
  lasts: [1000, 4000],
  begin: async (hands) => {
    const server = serverAt(hands);
    const refused = await infoNumber(server, "errorstats", "errorstat_BUSY");
    const says = hands.random.pick(["BUSY", "nothing"]);
    const patience = (ms: number): Promise<unknown> =>
      ask(server, (client) => client.config("SET", "busy-reply-threshold", ms));
    await patience(says === "BUSY" ? 100 : hands.lasts);
    const begun = performance.now();
    const answer = ask(server, (client) => client.eval("while true do end", 0)).catch(String);
    const waited = says === "BUSY" ? 0 : waitedFor(server); // which would be told BUSY itself
    let ms = 0;
    return {
      end: async () => {
        // Sentinels kill it themselves, and may have made another server the master by now.
        let ended = false;
        void answer.then(() => {
          ended = true;
        });
        const kill = (): Promise<unknown> => ask(server, (client) => client.script("KILL"));
        await eventually(async () => ended || (await kill()) === "OK", { within: 20_000 });
        ms = String(await answer).includes("Script killed") ? performance.now() - begun : 0;
        await eventually(async () => (await patience(5000)) === "OK", { within: 20_000 });
      },
      proof: async () => {
        if (ms < hands.lasts) return "";
        const ran = `a script ran for ${Math.round(ms)} ms`;
        const rose = (await infoNumber(server, "errorstats", "errorstat_BUSY")) - refused;
        if (says === "BUSY") return rose > 0 ? `${ran}, BUSY was answered ${rose} times` : "";
        const late = await waited;
        return late > hands.lasts / 2 ? `${ran}, a PING was answered after ${Math.round(late)} ms` : "";
      },
    };
  },
};

/** How long it takes until a PING that is sent a moment from now is answered, or refused. */
async function waitedFor(server: RedisServer): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  const asked = performance.now();
  await ask(server, (client) => client.ping()).catch(() => undefined);
  return performance.now() - asked;
}

/**
 * The only server says READONLY for a while, as one does that has just become a replica: of a server that is not there, so that no
 * synchronisation takes its data away.
 */
export const readOnly: FaultKind = {
  name: "read-only",
  targets: ({ store, watchers }) => (store === 1 && watchers === 0 ? named("store", 1) : []),
  lasts: [300, 4000],
  begin: async (hands) => {
    const server = serverAt(hands);
    const refused = await infoNumber(server, "errorstats", "errorstat_READONLY");
    // Nothing listens at port 1.
    await ask(server, (client) => client.call("REPLICAOF", "127.0.0.1", "1"));
    return {
      end: () => ask(server, (client) => client.call("REPLICAOF", "NO", "ONE")),
      proof: async () => {
        const rose = await risen(server, "READONLY", refused, 1);
        return rose > 0 ? `READONLY was answered ${rose} times` : "";
      },
    };
  },
};

export const storeCommandFaults: readonly FaultKind[] = [
  scriptFlush,
  clientKill,
  clientPause,
  memoryFull,
  busyScript,
  readOnly,
];

/** By how much the count of an error has risen; waits until it has, `within` ms at most. */
async function risen(server: RedisServer, error: string, before: number, within: number): Promise<number> {
  const rise = async (): Promise<number> =>
    (await infoNumber(server, "errorstats", `errorstat_${error}`)) - before;
  await eventually(rise, { within }).catch(() => undefined);
  return rise();
}

function cachedScripts(server: RedisServer): Promise<number> {
  return infoNumber(server, "memory", "number_of_cached_scripts");
}
