import { isTransient } from "@escapement/redis";
import { monotonic } from "./clock.js";
import { jittered } from "./id.js";

/**
 * Repeats a call that applying twice does no harm, while its errors are passing ones (no connection, no reply, a failover, no
 * memory), for up to `within` ms. Throws the last error.
 */
export async function repeat<R>(within: number, call: () => Promise<R>): Promise<R> {
  const until = monotonic() + within;
  for (let failures = 1; ; failures += 1) {
    try {
      return await call();
    } catch (error) {
      const wait = jittered(Math.min(50 * 2 ** failures, 1000));
      if (!isTransient(error) || monotonic() + wait > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
