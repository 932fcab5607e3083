import { AsyncLocalStorage } from "node:async_hooks";

// Which attempt the code that runs now belongs to, so that an error that nobody caught ends that attempt and not the process.
const current = new AsyncLocalStorage<(error: unknown) => void>();
let users = 0;

/** Runs a handler so that errors which it leaves uncaught reach `onCrash`, while {@link catchCrashes} is on. */
export function withCrashHandler<R>(onCrash: (error: unknown) => void, handler: () => R): R {
  return current.run(onCrash, handler);
}

function onUncaught(error: unknown): void {
  const onCrash = current.getStore();
  if (onCrash !== undefined) {
    onCrash(error);
    return;
  }
  // Not a handler's: what would have happened without us has to happen still.
  if (process.listenerCount("uncaughtException") > 1) return;
  console.error(error);
  process.exit(1);
}

function onRejection(reason: unknown): void {
  const onCrash = current.getStore();
  if (onCrash !== undefined) onCrash(reason);
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
