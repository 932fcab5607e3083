import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { eventually } from "@escapement/testing";
import { relayPorts } from "../nodes/relayed-ports.js";
import type { FaultKind } from "./fault.js";
import { nodeAt } from "./hands.js";

const run = promisify(execFile);

/**
 * A node comes back in a network namespace of its own, in which packets are then dropped, some or all: TCP sends them again, or gives up. At last it
 * comes back as it was; the namespace ends with the process, and with it all that was set in there.
 */
export const netnsDrop: FaultKind = {
  name: "netns-drop",
  targets: ({ nodes }) => (canDrop() ? nodes : []),
  lasts: [1000, 8000],
  settles: 3000,
  begin: async ({ trial, target, random }) => {
    const { store, toWatchers, toVoters } = await trial.topology.linkOf(target);
    const relayed = await relayPorts([...store, ...toWatchers, ...toVoters].map(({ port }) => port));
    const joined = (): number => trial.facts("up").filter(({ node }) => node === target).length;
    const before = joined();
    await nodeAt({ trial, target }).kill();
    const node = await trial.addNode(target, {}, relayed.madeOf);
    await eventually(() => joined() > before, { within: 20_000 }).catch(() => undefined);
    const part = random.pick(["0.05", "0.3", "1"]);
    const within = (...words: string[]): Promise<string> =>
      run("nsenter", ["--target", String(node.pid), "--net", "iptables", ...words]).then(
        ({ stdout }) => stdout,
      );
    await within(..."-A INPUT -m statistic --mode random --probability".split(" "), part, "-j", "DROP");
    let dropped = 0;
    return {
      end: async () => {
        dropped = Number(/^ *(\d+) .*DROP/m.exec(await within("-L", "INPUT", "-v", "-n", "-x"))?.[1] ?? 0);
        await node.kill();
        await relayed.close();
        await trial.addNode(target);
      },
      proof: () => (dropped > 0 ? `${dropped} packets of ${target} were dropped, a part of ${part}` : ""),
    };
  },
};

let possible: boolean | undefined;

/** Whether there can be namespaces here in which packets are dropped: it is tried, once, in one that is gone at once. */
function canDrop(): boolean {
  const rule = "ip link set lo up && iptables -A INPUT -m statistic --mode random --probability 1 -j DROP";
  possible ??=
    spawnSync("unshare", ["--net", "sh", "-c", rule]).status === 0 &&
    spawnSync("nsenter", ["--version"]).status === 0;
  return possible;
}
