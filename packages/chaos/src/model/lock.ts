// The locks of attempts, `lock:<run>#<attempt>`, by a majority of independent voters (core's lock.ts, locker's redlock.ts).
import type { World } from "./config.js";
import { attemptKey, type Held, identityOf, type Process, type State, type Vote } from "./state.js";
import { may, type Step, step } from "./step.js";

/** Takes a lock at one voter, once what an earlier claim of the same attempt may have left there is released. */
function takeAt(state: State, index: number, { run, attempt, token, left }: Held): Vote {
  const voter = state.voters[index];
  if (voter === undefined || !voter.up) return "silent";
  const key = attemptKey(run, attempt);
  const value = voter.locks[key];
  if (value !== undefined && !left.includes(value)) return "held";
  voter.locks[key] = token;
  return "granted";
}

function count(votes: readonly Vote[], vote: Vote): number {
  return votes.filter((one) => one === vote).length;
}

/** What the votes come to: the attempt may start, was started before, or nothing is known. */
function decide(world: World, state: State, process: Process, at: number): string {
  const item = process.held[at];
  if (item === undefined) return "";
  const granted = count(item.votes, "granted");
  if (granted >= 2 || world.mutants.has("lock-not-taken")) {
    item.state = "granted";
    item.votes = [];
    item.left = [];
    return "it may start";
  }
  for (const [index, vote] of item.votes.entries()) {
    const voter = state.voters[index];
    if (vote === "granted" && voter?.up === true) delete voter.locks[attemptKey(item.run, item.attempt)];
  }
  process.held.splice(at, 1);
  // Where a lock may have been left when the attempt was handed back, one that is held proves nothing.
  const isProof = granted + count(item.votes, "held") >= 2 && item.left.length === 0;
  const { run, token, attempt } = item;
  if (isProof && !world.kinds.includes("failover"))
    state.witness.broken.push("a lock stands against what has started only");
  process.reports.push({ run, token, attempt, outcome: isProof ? "x" : "b", value: -1 });
  return isProof ? "it has started before" : "it is handed back";
}

function* voteSteps(world: World, state: State, index: number, at: number): Iterable<Step> {
  const process = state.processes[index];
  const item = process?.held[at];
  if (process === undefined || item === undefined) return;
  const key = attemptKey(item.run, item.attempt);
  const who = identityOf(process);
  for (const [number, vote] of item.votes.entries()) {
    if (vote !== "?") continue;
    const ask = (next: State, answer: (held: Held) => Vote): string => {
      const held = next.processes[index]?.held[at];
      if (held !== undefined) held.votes[number] = answer(held);
      return held?.votes[number] ?? "";
    };
    const says = `${who} asks voter ${number + 1} for the lock of ${key}`;
    yield step(state, says, (next) => ask(next, (held) => takeAt(next, number, held)));
    if (!may(world, state, "late") || state.voters[number]?.up !== true) continue;
    yield step(
      state,
      `${says}, but the answer is lost`,
      (next) =>
        ask(next, (held) => {
          takeAt(next, number, held);
          return "silent";
        }),
      1,
    );
    yield step(
      state,
      `${says}, but that is late`,
      (next) => {
        next.network.push({ what: "vote", from: who, voter: number, key, value: item.token });
        ask(next, () => "silent");
      },
      1,
    );
  }
  if (count(item.votes, "granted") >= 2 || !item.votes.includes("?")) {
    yield step(state, `${who} counts the votes for ${key}`, (next) => {
      const own = next.processes[index];
      return own === undefined ? "" : decide(world, next, own, at);
    });
  }
}

/** Attempts ask for their locks; voters go away and come back; locks that nobody started under end. */
export function* lockSteps(world: World, state: State): Iterable<Step> {
  for (const [index, { held }] of state.processes.entries()) {
    for (const [at, item] of held.entries())
      if (item.state === "voting") yield* voteSteps(world, state, index, at);
  }
  for (const [index, voter] of state.voters.entries()) {
    const change = (what: (next: State) => void) => what;
    if (!voter.up) {
      yield step(
        state,
        `voter ${index + 1} is back`,
        change(({ voters }) => {
          voters[index] = { up: true, locks: { ...voter.locks } };
        }),
      );
    } else if (may(world, state, "voter") && state.voters.every(({ up }) => up)) {
      yield step(
        state,
        `voter ${index + 1} cannot be reached`,
        ({ voters }) => {
          voters[index] = { up: false, locks: { ...voter.locks } };
        },
        1,
      );
    }
    for (const key of Object.keys(voter.locks)) {
      if (isInUse(state, key)) continue;
      yield step(
        state,
        `the lock of ${key} at voter ${index + 1}, under which nothing started, ends`,
        ({ voters }) => {
          delete voters[index]?.locks[key];
        },
      );
    }
  }
}

/** Locks are kept for longer than anything here takes: only what was left by a claim that started nothing ends. */
function isInUse(state: State, key: string): boolean {
  const isHeld = state.processes.some(({ held }) =>
    held.some(({ run, attempt }) => attemptKey(run, attempt) === key),
  );
  return isHeld || state.witness.starts[key] !== undefined;
}
