import { type EscapementError, isTransient, RedisError } from "@escapement/redis";
import { monotonic } from "./clock.js";
import { jittered } from "./id.js";

/**
 * Repeats a call that applying twice does no harm, while its errors are passing ones (no connection, no reply, a failover, no
 * memory), for up to `within` ms. Throws the last error; but where an earlier try was sent and not answered, `REDIS_TIMEOUT`: that a
 * later one could not be sent, or was refused, does not mean that nothing was applied.
 */
export async function repeat<R>(within: number, call: () => Promise<R>): Promise<R> {
  const until = monotonic() + within;
  let unanswered: unknown;
  for (let failures = 1; ; failures += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isTransient(error)) throw unanswered === undefined ? error : refusedLater(error);
      if ((error as EscapementError).code === "REDIS_TIMEOUT") unanswered = error;
      const wait = jittered(Math.min(50 * 2 ** failures, 1000));
      if (monotonic() + wait > until) throw unanswered ?? error;
      await new Promise((resolve) => setTimeout(resolve, wait));
      // A process that stood still meanwhile sends nothing again that others have forgotten by now.
      if (monotonic() > until + within) throw unanswered ?? error;
    }
  }
}

function refusedLater(error: unknown): RedisError {
  const message = `A call was sent and not answered, and may have been applied. Sent again, it was refused. Look before you repeat it. ${(error as Error).message}`;
  return new RedisError("REDIS_TIMEOUT", message, { cause: error });
}

/**
 * Reads what has just been written. That this fails does not mean that nothing was written, which is what its own error would say.
 *
 * @param written what has been, for the error's message
 * @throws RedisError `REDIS_TIMEOUT` if it cannot be read within that time
 */
export async function readBack<R>(within: number, written: string, read: () => Promise<R>): Promise<R> {
  try {
    return await repeat(within, read);
  } catch (error) {
    throw unread(written, error);
  }
}

/** What to say where something was written and reading it back has failed. */
export function unread(written: string, error: unknown): unknown {
  if (!isTransient(error)) return error;
  const message = `${written} was written, and could not be read afterwards. Read it again. ${(error as Error).message}`;
  return new RedisError("REDIS_TIMEOUT", message, { cause: error });
}
