import { EscapementError } from "@escapement/redis";

/** What a call answers, unless that takes longer than so many ms: then it is waited for no more, and goes on under the deadline of its connection. */
export async function inTime<R>(ms: number, call: Promise<R>): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `no reply from Redis within ${ms} ms`;
    timer = setTimeout(() => reject(new EscapementError("REDIS_TIMEOUT", message)), ms);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
