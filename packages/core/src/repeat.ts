import { type EscapementError, isTransient } from "@escapement/redis";
import { monotonic } from "./clock.js";
import { jittered } from "./id.js";

/**
 * Repeats a call that applying twice does no harm, while its errors are passing ones (no connection, no reply, a failover, no
 * memory), for up to `within` ms. Throws the last error; but where an earlier try was sent and not answered, that one's: that a later
 * one could not be sent does not mean that nothing was applied.
 */
export async function repeat<R>(within: number, call: () => Promise<R>): Promise<R> {
  const until = monotonic() + within;
  let unanswered: unknown;
  for (let failures = 1; ; failures += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isTransient(error)) throw error;
      if ((error as EscapementError).code === "REDIS_TIMEOUT") unanswered = error;
      const wait = jittered(Math.min(50 * 2 ** failures, 1000));
      if (monotonic() + wait > until) throw unanswered ?? error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
