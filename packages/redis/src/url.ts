import type { RedisOptions } from "ioredis";
import { EscapementError } from "./errors.js";

/**
 * Reads a Redis URL: `redis://[[user]:password@]host[:port][/db]`, or `rediss://` for TLS.
 *
 * @throws EscapementError `INVALID_REDIS_URL` for anything else. The message never repeats a password.
 */
export function parseRedisUrl(text: string): RedisOptions {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw invalid("it is not a URL", cause);
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    throw invalid(`its scheme is "${url.protocol}"`);
  if (url.hostname === "") throw invalid("it names no host");
  const db = url.pathname.replace(/^\//, "");
  if (db !== "" && !/^\d{1,4}$/.test(db)) throw invalid("what follows the host must be a database number");
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 6379 : Number(url.port),
    ...(url.username === "" ? {} : { username: decode(url.username) }),
    ...(url.password === "" ? {} : { password: decode(url.password) }),
    ...(db === "" ? {} : { db: Number(db) }),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
  };
}

/** A Redis URL that may be shown and logged: without user and password. */
export function redactRedisUrl(text: string): string {
  try {
    const url = new URL(text);
    if (!/^rediss?:$/.test(url.protocol) || url.host === "") return "(not a Redis URL)";
    const shown = url.username === "" && url.password === "" ? "" : "***@";
    return `${url.protocol}//${shown}${url.host}${url.pathname}`;
  } catch {
    return "(not a Redis URL)";
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw invalid("its user or password is not percent-encoded as URLs demand", cause);
  }
}

function invalid(why: string, cause?: unknown): EscapementError {
  return new EscapementError(
    "INVALID_REDIS_URL",
    `This is no Redis URL: ${why}. Give one such as redis://localhost:6379 or rediss://user:password@host:6380/0.`,
    { cause },
  );
}
