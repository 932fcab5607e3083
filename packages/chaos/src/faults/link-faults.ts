import { once } from "node:events";
import { createConnection } from "node:net";
import { eventually, type TcpProxy } from "@escapement/testing";
import type { Random } from "../random.js";
import type { Befallen, FaultKind, Hands } from "./fault.js";
import { traceWithin } from "./hands.js";

/** What befalls connections of one node: some kind, to the store and to voters. */
interface LinkFault extends Pick<FaultKind, "name" | "lasts" | "weight"> {
  begin(proxies: readonly TcpProxy[], hands: Hands): Befallen | Promise<Befallen>;
}

/** Connections stay and carry nothing, either way. What waited arrives afterwards. */
const halfOpen: LinkFault = {
  name: "half-open",
  lasts: [200, 5000],
  begin: (proxies) => {
    for (const proxy of proxies) proxy.pause();
    return released(proxies, (proxy) => proxy.resume(), ["requests", "replies"]);
  },
};

/** Connections are reset, and made again. */
const cut: LinkFault = {
  name: "cut",
  lasts: [1, 1],
  begin: (proxies) => {
    const [open, before] = [connections(proxies), accepted(proxies)];
    for (const proxy of proxies) proxy.cut();
    return {
      proof: async () => {
        const anew = open > 0 ? await cameBack(proxies, before) : 0;
        return anew > 0 ? `${open} connections were reset, ${anew} were made anew` : "";
      },
    };
  },
};

/** Requests arrive, and their replies are cut off: what was asked for happened, and the node does not know. */
const lostReplies: LinkFault = {
  name: "lost-replies",
  lasts: [5, 1000],
  begin: (proxies) => lost(proxies, "replies", (proxy, on) => proxy.blockReplies(on)),
};

/** Requests arrive, and their replies come late, perhaps after the node has given them up. */
const lateReplies: LinkFault = {
  name: "late-replies",
  lasts: [200, 4000],
  begin: (proxies) => {
    for (const proxy of proxies) proxy.blockReplies(true);
    return released(proxies, (proxy) => proxy.blockReplies(false), ["replies"]);
  },
};

/** One way only: requests vanish, while what the server says goes through. */
const lostRequests: LinkFault = {
  name: "lost-requests",
  lasts: [50, 3000],
  begin: (proxies) => lost(proxies, "requests", (proxy, on) => proxy.blockRequests(on)),
};

/** One way only: requests arrive late, perhaps after the node has given them up, while what the server says goes through. */
const lateRequests: LinkFault = {
  name: "late-requests",
  lasts: [200, 4000],
  begin: (proxies) => {
    for (const proxy of proxies) proxy.blockRequests(true);
    return released(proxies, (proxy) => proxy.blockRequests(false), ["requests"]);
  },
};

/** Latency of 20 to 400 ms with jitter, each way, in order. */
const slow: LinkFault = {
  name: "slow",
  lasts: [1000, 6000],
  begin: (proxies, { random }) => {
    const least = random.between(20, 200);
    const latency = { least, most: random.between(least, 400), random: () => random.next() };
    const before = waits(proxies);
    for (const proxy of proxies) proxy.slow(latency);
    return {
      end: () => {
        for (const proxy of proxies) proxy.slow(undefined);
      },
      proof: () => {
        const { pieces, waited } = minus(waits(proxies), before);
        return waited > 0 && waited >= pieces * least * 0.5
          ? `${pieces} pieces were late by ${Math.round(waited / pieces)} ms on average`
          : "";
      },
    };
  },
};

/** Little bandwidth: 2 to 30 kB a second of each connection and each way. */
const narrow: LinkFault = {
  name: "narrow",
  lasts: [1000, 6000],
  begin: (proxies, { random }) => {
    const rate = random.between(2000, 30_000);
    const before = waits(proxies);
    for (const proxy of proxies) proxy.throttle(rate);
    return {
      end: () => {
        for (const proxy of proxies) proxy.throttle(undefined);
      },
      proof: () => {
        const { waited, passed } = minus(waits(proxies), before);
        return waited > 100
          ? `${passed} bytes went through at ${rate} a second; their pieces waited ${Math.round(waited)} ms together`
          : "";
      },
    };
  },
};

/** Connections are reset, and new ones refused for a while. */
const refused: LinkFault = {
  name: "refused",
  lasts: [300, 4000],
  begin: async (proxies) => {
    const [open, before] = [connections(proxies), accepted(proxies)];
    for (const proxy of proxies) {
      await proxy.refuse(true);
      proxy.cut();
    }
    const answers = await Promise.all(proxies.map(({ port }) => knock(port)));
    return {
      end: () => Promise.all(proxies.map((proxy) => proxy.refuse(false))),
      proof: async () =>
        open > 0 && answers.every((answer) => answer === "ECONNREFUSED")
          ? `${open} connections were reset and further ones refused, ${await cameBack(proxies, before)} were made anew`
          : "",
    };
  },
};

/** Requests, each with a text that only such hold. */
type Chosen = readonly [readonly [request: string, text: string], ...(readonly [string, string])[]];

const toStore: Chosen = [
  ["any script", "evalsha"],
  ["a claim", "}:request:"],
  ["a heartbeat", "}:node-info"],
  ["a request about the leader's lease", "}:leader"],
];
const toVoters: Chosen = [["a vote", "}:lock:"]];

/** The connection is cut right between a chosen request and its reply. */
const cutAfterRequest = (choices: Chosen): LinkFault => ({
  name: "cut-after-request",
  lasts: [3000, 6000],
  weight: 2,
  begin: (proxies, { random, target }) => {
    const [request, text] = random.pick(choices);
    const armed = proxies.map((proxy) => proxy.cutAfter(text));
    return {
      end: () => {
        for (const one of armed) one.disarm();
      },
      proof: () =>
        armed
          .flatMap(({ hit }) => hit ?? [])
          .map(({ requestBytes, lostReplyBytes }) => {
            const passed = `${request} of ${target} (${requestBytes} bytes) was handed on`;
            return `${passed}, ${lostReplyBytes} bytes of replies were cut off`;
          })
          .join(", "),
    };
  },
});

const all = [halfOpen, cut, lostReplies, lateReplies, lostRequests, lateRequests, slow, narrow, refused];

/** Faults of the connections between one node and the store. */
export const storeLinkFaults: readonly FaultKind[] = [...all, cutAfterRequest(toStore)].map((fault) => ({
  ...fault,
  targets: ({ nodes }) => nodes,
  begin: async (hands) => {
    const { store } = await hands.trial.topology.linkOf(hands.target);
    return fault.begin(store, hands);
  },
}));

/** The same of those between one node and some of the voters, or all. While most are out of its reach it starts nothing. */
export const voterLinkFaults: readonly FaultKind[] = [...all, cutAfterRequest(toVoters)].map((fault) => ({
  ...fault,
  name: `voter-${fault.name}`,
  targets: ({ nodes, voters }) => (voters > 0 ? nodes : []),
  begin: async (hands) => {
    const link = await hands.trial.topology.linkOf(hands.target);
    return fault.begin(someOf(link.toVoters, hands.random), hands);
  },
}));

/** At least one of them, perhaps all. */
function someOf<T>(items: readonly T[], random: Random): T[] {
  const first = random.between(0, items.length - 1);
  return [...items.slice(first), ...items.slice(0, first)].slice(0, random.between(1, items.length));
}

/** Loses the replies that a proxy holds back, and lets later ones through. */
export function loseReplies(proxy: TcpProxy | undefined): void {
  proxy?.cut();
  proxy?.blockReplies(false);
}

type Way = "requests" | "replies";

/** Counts what waits when it is let through. */
function released(
  proxies: readonly TcpProxy[],
  release: (proxy: TcpProxy) => void,
  ways: readonly Way[],
): Befallen {
  let held = 0;
  return {
    end: () => {
      for (const proxy of proxies) {
        for (const way of ways) held += proxy.traffic()[way].held;
        release(proxy);
      }
    },
    proof: () => (held > 0 ? `${held} bytes of ${ways.join(" and ")} waited` : ""),
  };
}

/** Holds back and loses. */
function lost(
  proxies: readonly TcpProxy[],
  way: Way,
  block: (proxy: TcpProxy, on: boolean) => void,
): Befallen {
  const dropped = (): number => proxies.reduce((sum, proxy) => sum + proxy.traffic()[way].dropped, 0);
  const before = dropped();
  for (const proxy of proxies) block(proxy, true);
  let bytes = 0;
  return {
    end: () => {
      for (const proxy of proxies) {
        proxy.cut();
        block(proxy, false);
      }
      bytes = dropped() - before;
    },
    proof: () => (bytes > 0 ? `${bytes} bytes of ${way} were lost` : ""),
  };
}

/** How many connections were made anew; waits for the first, for a while. */
async function cameBack(proxies: readonly TcpProxy[], before: number): Promise<number> {
  await eventually(() => accepted(proxies) > before, { within: traceWithin }).catch(() => undefined);
  return accepted(proxies) - before;
}

async function knock(port: number): Promise<string> {
  const socket = createConnection(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return "connected";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}

interface Waits {
  readonly pieces: number;
  readonly passed: number;
  readonly waited: number;
}

function waits(proxies: readonly TcpProxy[]): Waits {
  const lanes = proxies.flatMap((proxy) => Object.values(proxy.traffic()));
  const sum = (what: keyof Waits): number => lanes.reduce((total, lane) => total + lane[what], 0);
  return { pieces: sum("pieces"), passed: sum("passed"), waited: sum("waited") };
}

function minus(now: Waits, before: Waits): Waits {
  return {
    pieces: now.pieces - before.pieces,
    passed: now.passed - before.passed,
    waited: now.waited - before.waited,
  };
}

function connections(proxies: readonly TcpProxy[]): number {
  return proxies.reduce((sum, proxy) => sum + proxy.connections, 0);
}

function accepted(proxies: readonly TcpProxy[]): number {
  return proxies.reduce((sum, proxy) => sum + proxy.accepted, 0);
}
