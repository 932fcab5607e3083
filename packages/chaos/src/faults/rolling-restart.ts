import { eventually } from "@escapement/testing";
import { type CopiedBuild, copyBuild } from "../builds/copy-build.js";
import type { NodeProcess } from "../nodes/chaos-node.js";
import type { Trial } from "../trial.js";
import { type FaultKind, type Hands, nothingHappened } from "./fault.js";
import { hasJoined, infoNumber } from "./hands.js";

/** What a trial's nodes were last restarted with, and the copy of what was built, which goes with this process. */
interface Release {
  readonly other: CopiedBuild;
  isOther: boolean;
}

const releases = new WeakMap<Trial, Release>();

/**
 * All nodes get SIGTERM and another process, one after the other, as a service is deployed: from this version to another one, see
 * {@link anotherVersion}, and the next time back. Both are in use at once, and nothing is late or lost.
 */
export const rollingRestart: FaultKind = {
  name: "rolling-restart",
  targets: ({ nodes }) => (nodes.length > 1 ? ["nodes"] : []),
  others: ({ nodes }) => nodes,
  lasts: [1, 1],
  settles: 20_000,
  weight: 4, // all nodes have to be free for it
  begin: async (hands) => {
    const { trial } = hands;
    if (![...trial.nodes.values()].every((node) => hasJoined(hands, node))) return nothingHappened;
    const release = releases.get(trial) ?? { other: await copyBuild(anotherVersion), isOther: false };
    releases.set(trial, release);
    release.isOther = !release.isOther;
    const madeOf: NodeProcess = release.isOther ? { program: release.other.program } : {};
    const seen: string[] = [];
    for (const name of [...trial.nodes.keys()]) {
      if (!(await replace(hands, name, madeOf))) return { proof: () => "" };
      seen.push(await versions(trial));
    }
    const mixed = seen.filter((versionsThen) => versionsThen.includes(" and "));
    const cached = await infoNumber(trial.redis, "memory", "number_of_cached_scripts").catch(() => 0);
    return {
      proof: () =>
        mixed.length > 0
          ? `${seen.length} nodes were replaced one by one; at once there were ${mixed[0]}, with ${cached} scripts in Redis' cache`
          : "",
    };
  },
};

/** Resolves when the node's new process has joined: whether it has, after the old one had ended in good order. */
async function replace({ trial }: Hands, name: string, madeOf: NodeProcess): Promise<boolean> {
  const joined = (): number => trial.facts("up").filter(({ node }) => node === name).length;
  const node = trial.nodes.get(name);
  await node?.stop();
  const before = joined();
  await trial.addNode(name, {}, madeOf);
  await eventually(() => joined() > before, { within: 20_000 }).catch(() => undefined);
  return node?.exit === "exit code 0" && joined() > before;
}

async function versions(trial: Trial): Promise<string> {
  const nodes = await trial.client.nodes().catch(() => []);
  return [...new Set(nodes.map(({ version }) => version))].sort().join(" and ");
}

/** Texts that another version has otherwise, by their files: how far ahead a leader writes by default, and what a node says of itself. */
const otherwise: Readonly<Record<string, readonly [text: string, other: string]>> = {
  "core/dist/options.js": ['time("lookahead", 15_000,', 'time("lookahead", 21_000,'],
  "core/dist/describe-node.js": ["host: hostname(),", 'host: hostname(), rack: "r1", shelf: { number: 7 },'],
};

/**
 * Another version of the same: each script has another text and number, each package another number, an option another default, and nodes tell of
 * themselves what those of this version have never heard of.
 *
 * @throws Error if a text that is to be another one is not there
 */
export function anotherVersion(path: string, text: string): string {
  const [here, other] = otherwise[path] ?? [];
  if (here !== undefined && other !== undefined) {
    if (!text.includes(here)) throw new Error(`${path} has no ${here}`);
    return text.replace(here, other);
  }
  if (path.endsWith(".lua")) return `-- as it is in another version\n${text}`;
  if (/\/scripts\/.*\.js$/.test(path))
    return text.replace(/\bversion: (\d+)/g, (_, number) => `version: ${Number(number) + 1}`);
  if (path.endsWith("package.json")) return text.replace(/"version": "([\d.]+)"/, '"version": "$1-next"');
  return text;
}
