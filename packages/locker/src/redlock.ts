// The only file that knows redlock. Its defects (pitfalls R1 to R6) end here: every request to a voter has a deadline, nothing is
// tried twice, `using` and `quit` are not used, and its ideas of validity are not asked for.
import Redlock, { Lock as RedlockLock } from "redlock";
import { ScriptCall } from "./script-call.js";
import type { Voter } from "./voter.js";

/** What a vote came to: a majority did it, a majority was there but a lock stood against it, or no majority answered. */
export type Outcome = "done" | "held" | "unavailable";

/** One vote of all voters on one batch of names. */
export interface Ballot {
  readonly voters: readonly Voter[];
  readonly names: readonly string[];
  /** The value that the locks have or get. */
  readonly value: string;
  /** Milliseconds that one voter may take to answer. */
  readonly deadline: number;
}

/** Takes all of the ballot's names for `ttl` milliseconds, or none. A minority that was taken is released again. */
export function voteToAcquire(ballot: Ballot, ttl: number): Promise<Outcome> {
  for (const voter of ballot.voters) voter.forgive(ballot.names, ballot.value);
  return vote(ballot, (redlock, names) => redlock.acquire(names, ttl));
}

/** Prolongs all of the ballot's locks to `ttl` milliseconds from now. */
export function voteToExtend(ballot: Ballot, ttl: number): Promise<Outcome> {
  return vote(ballot, (redlock, names) => redlock.extend(lockOf(redlock, names, ballot.value), ttl));
}

/** Releases the ballot's locks where they are still ours. */
export function voteToRelease(ballot: Ballot): Promise<Outcome> {
  return vote(ballot, (redlock, names) => redlock.release(lockOf(redlock, names, ballot.value)));
}

async function vote(
  ballot: Ballot,
  operation: (redlock: Redlock, names: string[]) => Promise<unknown>,
): Promise<Outcome> {
  const names = [...ballot.names];
  const count = new VoteCount(ballot.voters.length, names.length);
  const redlock = new OwnValueRedlock(ballot, count);
  const finished = operation(redlock, names).then(
    () => true,
    () => false,
  );
  // R2: redlock settles when a majority agrees, which may be never. Time for the vote and for releasing a minority:
  const done = await within(2 * ballot.deadline + 50, finished);
  if (done === true) return "done";
  if (done === undefined) {
    // It may be granted yet, and then nobody would know.
    void finished.then((late) => (late ? voteToRelease(ballot) : undefined));
    return "unavailable";
  }
  // Lost already, but to whom? Only if that is not clear, wait for those who have not answered.
  if (!count.majorityAnswered) await within(ballot.deadline, count.complete);
  return count.majorityAnswered ? "held" : "unavailable";
}

/** A redlock for one ballot. */
class OwnValueRedlock extends Redlock {
  readonly #value: string;

  constructor(ballot: Ballot, count: VoteCount) {
    const calls = new Map<string, ScriptCall>();
    super(
      ballot.voters.map((voter) => clientOf(voter, ballot, count, calls)),
      // R4, R5: not tried again, since between the tries nothing is released, and that of an expired lock takes seconds.
      { retryCount: 0 },
    );
    this.#value = ballot.value;
  }

  protected override _random(): string {
    return this.#value;
  }

  /** A script is known by its text: that is what is sent, so that no request overtakes another one that has to be sent again (pitfall I7). */
  protected override _hash(script: string): string {
    return script;
  }
}

/** Counts the voters' first answers; later ones are those to redlock's own release. */
class VoteCount {
  /** Resolves when all voters have answered or failed. */
  readonly complete: Promise<void>;
  readonly #voters: number;
  readonly #names: number;
  readonly #seen = new Set<Voter>();
  #answered = 0;
  #finish: () => void = () => {};

  constructor(voters: number, names: number) {
    this.#voters = voters;
    this.#names = names;
    this.complete = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  get majorityAnswered(): boolean {
    return this.#answered > this.#voters / 2;
  }

  add(voter: Voter, reply: unknown): void {
    if (this.#seen.has(voter)) return;
    this.#seen.add(voter);
    if (reply === 0 || reply === this.#names) this.#answered += 1;
    if (this.#seen.size === this.#voters) this.#finish();
  }
}

/** @param calls by their scripts: all voters are sent the same, which is written once */
function clientOf(
  voter: Voter,
  ballot: Ballot,
  count: VoteCount,
  calls: Map<string, ScriptCall>,
): ConstructorParameters<typeof Redlock>[0] extends Iterable<infer C> ? C : never {
  const ask = async (
    script: string,
    keyCount: number,
    rest: readonly (string | number)[],
  ): Promise<unknown> => {
    const call = calls.get(script) ?? new ScriptCall(script, keyCount, rest);
    calls.set(script, call);
    try {
      const reply = await voter.ask(call, ballot.deadline);
      count.add(voter, reply);
      return reply;
    } catch (error) {
      count.add(voter, error);
      // Of redlock's scripts only the release has no duration after the value.
      if (rest.length === keyCount + 1) voter.owe(ballot.names, ballot.value);
      throw error;
    }
  };
  return { evalsha: ask, eval: ask };
}

/** R1: redlock would refuse by the wall clock what it takes for expired; whether a lock is valid is decided elsewhere. */
function lockOf(redlock: Redlock, names: string[], value: string): RedlockLock {
  return new RedlockLock(redlock, names, value, [], Number.POSITIVE_INFINITY);
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
