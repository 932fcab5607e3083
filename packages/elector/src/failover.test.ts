import { fileURLToPath } from "node:url";
import {
  eventually,
  type JobStore,
  startJobStore,
  startProcess,
  type TestProcess,
} from "@escapement/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { subscribersOf } from "../test/subscribers.js";
import { uniqueKey } from "../test/unique-key.js";

const program = fileURLToPath(new URL("../test/candidate.mjs", import.meta.url));
const started: TestProcess[] = [];
let server: JobStore;

beforeAll(async () => {
  server = await startJobStore();
});
afterAll(() => server.stop());
afterEach(async () => {
  await Promise.all(started.splice(0).map((child) => child.stop()));
});

async function candidate(key: string, id: string, ttl: number): Promise<TestProcess> {
  const child = await startProcess(process.execPath, [program, server.url, key, id, String(ttl)]);
  started.push(child);
  return child;
}

interface Line {
  event: "elected" | "lost" | "held" | "thawed";
  id: string;
  epoch: number;
  after: number;
  before: number;
}

const linesOf = (child: TestProcess): Line[] =>
  // The last line of a killed process may be cut off.
  child.lines.flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as Line] : []));

/** From when to when each term was surely held, by each candidate. */
function termsHeld(children: TestProcess[]): { id: string; epoch: number; from: number; to: number }[] {
  const terms = new Map<string, { id: string; epoch: number; from: number; to: number }>();
  for (const { event, id, epoch, after, before } of children.flatMap(linesOf)) {
    if (event !== "held") continue;
    const term = terms.get(`${id} ${epoch}`) ?? { id, epoch, from: after, to: before };
    terms.set(`${id} ${epoch}`, { ...term, to: Math.max(term.to, before) });
  }
  return [...terms.values()].sort((a, b) => a.from - b.from);
}

/** The random numbers that make one fault. */
type Draws = [settles: number, strikes: number, other: number, kills: number, waits: number];

/** Numbers from 0 to 1 that are the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("failover", () => {
  it("follows the leader's SIGKILL within its lease and a little", async () => {
    const key = uniqueKey("kill");
    const first = await candidate(key, "first", 1000);
    await first.waitForLine(/elected/);
    const second = await candidate(key, "second", 1000);
    await eventually(async () => (await subscribersOf(server, key)) === 2);
    first.kill("SIGKILL");
    const line = await second.waitForLine(/"elected"/, 5000);
    expect(JSON.parse(line)).toMatchObject({ id: "second", epoch: 2 });
  });

  it("leaves a frozen leader no moment of doubt: thawed, it is none at the first look, and stays out", async () => {
    const key = uniqueKey("freeze");
    const first = await candidate(key, "first", 1000);
    await first.waitForLine(/"held"/);
    const second = await candidate(key, "second", 1000);
    first.kill("SIGSTOP");
    await second.waitForLine(/"elected"/, 5000);
    const before = first.lines.length;
    first.kill("SIGCONT");
    const thawed = await eventually(
      () => first.lines.slice(before).find((line) => line.includes("thawed")) ?? null,
    );
    expect(JSON.parse(thawed as string)).toMatchObject({ leads: false });
    await first.waitForLine(/"lost"/);
    expect(await server.client().get(key)).toBe("second");
    expect(linesOf(first).filter(({ epoch }) => epoch !== undefined && epoch !== 1)).toEqual([]);
  });

  it("never shows two leaders at once, whatever is killed and stopped", { timeout: 120_000 }, async ({
    signal,
  }) => {
    const random = seeded(7);
    const key = uniqueKey("fuzz");
    const all: TestProcess[] = [];
    const boot = async (): Promise<{ id: string; child: TestProcess }> => {
      const id = `boot-${all.length}`;
      const child = await candidate(key, id, 600);
      all.push(child);
      return { id, child };
    };
    const alive = [await boot(), await boot(), await boot()];
    const number = (): number => termsHeld(all).length;
    const leaderSeen = async (): Promise<boolean> => {
      const holder = await server.client().get(key);
      return alive.some(
        ({ id, child }) => id === holder && linesOf(child).some(({ event }) => event === "held"),
      );
    };
    // Terms are counted, not faults: how many faults fit into one lease depends on the machine.
    while (number() < 8) {
      signal.throwIfAborted();
      // Always as many numbers for a fault, so that the kinds of faults do not depend on the machine's pace either.
      const [settles, strikes, other, kills, waits] = Array.from({ length: 5 }, random) as Draws;
      // Some faults come in a row, also while nobody leads; but in the end somebody must have the time to start.
      if (settles < 0.6) await eventually(leaderSeen, { within: 20_000, signal });
      const terms = number();
      const holder = await server.client().get(key);
      const leading = alive.findIndex(({ id }) => id === holder);
      // Most faults strike the leader, if there is one.
      const index = strikes < 0.7 && leading >= 0 ? leading : Math.floor(other * 3);
      const { child } = alive[index] as { child: TestProcess };
      child.kill(kills < 0.4 ? "SIGKILL" : "SIGSTOP");
      // Some are back before anybody noticed, others when another one leads.
      if (index === leading && waits < 0.8) {
        await eventually(() => number() > terms, { within: 20_000, signal });
      }
      if (kills < 0.4) alive[index] = await boot();
      else child.kill("SIGCONT");
    }
    const terms = termsHeld(all);
    expect(terms.length).toBeGreaterThanOrEqual(8);
    for (const [index, term] of terms.entries()) {
      const next = terms[index + 1];
      if (next === undefined) break;
      expect(next.epoch, "epochs rise").toBeGreaterThan(term.epoch);
      expect(next.from, `${next.id} led before ${term.id} had ended`).toBeGreaterThanOrEqual(term.to);
    }
  });
});
