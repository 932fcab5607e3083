import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";

/** What code that runs belongs to. */
export interface CrashHandler {
  /** It left an error uncaught. */
  crashed(error: unknown): void;
}

// Which attempt the code that runs now belongs to, so that an error that nobody caught ends that attempt and not the process.
const current = new AsyncLocalStorage<CrashHandler | undefined>();
let users = 0;

/**
 * Runs code so that errors which it leaves uncaught reach `owner`, while {@link catchCrashes} is on. What it enters by `enterWith` of other storages is its
 * own, too, and not what runs after it.
 */
export function withCrashHandler<R>(owner: CrashHandler, code: () => R): R {
  return new AsyncResource("Attempt").runInAsyncScope(() => current.run(owner, code));
}

/** What follows on an attempt's end is not the attempt's. */
function outside(code: () => void): void {
  current.run(undefined, code);
}

function onUncaught(error: unknown): void {
  const owner = current.getStore();
  if (owner !== undefined) {
    outside(() => owner.crashed(error));
    return;
  }
  // Not a handler's: what would have happened without us has to happen still.
  if (process.listenerCount("uncaughtException") > 1) return;
  console.error(error);
  process.exit(1);
}

function onRejection(reason: unknown): void {
  const owner = current.getStore();
  if (owner !== undefined) outside(() => owner.crashed(reason));
  else if (process.listenerCount("unhandledRejection") === 1) onUncaught(reason);
}

/** Catches, for the whole process, what handlers leave uncaught. Answers what ends that. */
export function catchCrashes(): () => void {
  if (users === 0) process.on("uncaughtException", onUncaught).on("unhandledRejection", onRejection);
  users += 1;
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    users -= 1;
    if (users === 0) process.off("uncaughtException", onUncaught).off("unhandledRejection", onRejection);
  };
}
