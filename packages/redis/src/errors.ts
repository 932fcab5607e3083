/**
 * The codes of errors that come from talking to Redis or from bad names.
 *
 * - `INVALID_REDIS_URL`: what was given as `redis` cannot be a Redis server's address.
 * - `INVALID_NAME`: an id, name or namespace is not of the one allowed form.
 * - `INVALID_OPTION`: an option has a value that it cannot have.
 * - `REDIS_UNAVAILABLE`: no connection; nothing was sent.
 * - `REDIS_TIMEOUT`: sent, but no reply in time, or the connection broke before it; whether it was applied is unknown.
 * - `REDIS_READONLY`: the server is a replica; nothing was applied.
 * - `REDIS_TLS`: the server's certificate is not trusted, has expired or is for another host, or one side speaks no TLS; nothing was sent.
 * - `REDIS_AUTH`: the server refused the user or password, or the user lacks a permission.
 * - `REDIS_FULL`: the server is at its `maxmemory`; nothing was applied.
 * - `REDIS_UNUSABLE`: a start-up check failed (too old, evicting, …).
 * - `REDIS_FAILED`: any other error that the server answered with.
 */
export type RedisErrorCode =
  | "INVALID_REDIS_URL"
  | "INVALID_NAME"
  | "INVALID_OPTION"
  | "REDIS_UNAVAILABLE"
  | "REDIS_TIMEOUT"
  | "REDIS_READONLY"
  | "REDIS_TLS"
  | "REDIS_AUTH"
  | "REDIS_FULL"
  | "REDIS_UNUSABLE"
  | "REDIS_FAILED";

/** The one error class of Escapement: `code` is stable and for programs, `message` says what to do about it. */
export class EscapementError extends Error {
  override readonly name: string = "EscapementError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An error of the connection to Redis, or an answer of Redis that is an error. */
export class RedisError extends EscapementError {
  override readonly name: string = "RedisError";
}

/** This process has closed the connection: that does not pass by itself. */
export class ConnectionClosedError extends RedisError {
  constructor(doing: string) {
    super("REDIS_UNAVAILABLE", `${doing}: the connection has been closed by this process. Open another.`);
  }
}

const advice: readonly [RegExp, RedisErrorCode, string][] = [
  [
    /\bCERT_HAS_EXPIRED|certificate has expired/i,
    "REDIS_TLS",
    "The server's certificate has expired. Renew it on the server; nothing is sent until then.",
  ],
  [
    /CERT_NOT_YET_VALID|certificate is not yet valid/i,
    "REDIS_TLS",
    "The server's certificate is not valid yet. Look at the clocks of both machines.",
  ],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames/i,
    "REDIS_TLS",
    "The server's certificate is for another host. Connect by a name that stands in it, or give that as tls.servername.",
  ],
  [
    /self[- ]signed certificate|unable to (get|verify)( local)? (issuer|the first) certificate|unable to get issuer|certificate (signature failure|revoked|chain too long)|SELF_SIGNED_CERT|UNABLE_TO_/i,
    "REDIS_TLS",
    "The server's certificate is signed by nobody that is trusted here. Give its authority as tls.ca, or by NODE_EXTRA_CA_CERTS.",
  ],
  [
    /ERR_SSL_|EPROTO|wrong version number|tlsv1|sslv3|alert (certificate|handshake|unknown)/i,
    "REDIS_TLS",
    "No TLS connection came about. Does the server speak TLS on this port (rediss://), and does it ask for a certificate of ours (tls.cert and tls.key)?",
  ],
  [
    /before secure TLS connection/,
    "REDIS_UNAVAILABLE",
    "The connection broke before TLS was agreed on. Does the server speak TLS on this port (rediss://)? It may also be starting; connecting goes on by itself.",
  ],
  [
    /READONLY/,
    "REDIS_READONLY",
    "Redis is a read-only replica. Connect to the master (or wait for the failover to end).",
  ],
  [/OOM /, "REDIS_FULL", "Redis is at its maxmemory. Give it memory or remove data; nothing was written."],
  [
    // The last three: what a script is told, and what Redis says of channels.
    /WRONGPASS|NOAUTH|NOPERM|invalid (username|password)|AUTH.*without any password|ACL failure in script|executing the script can't|No permissions to access/i,
    "REDIS_AUTH",
    "Redis refused the user, the password or a permission. Check the credentials in the Redis URL and the user's ACL.",
  ],
  [
    /No such master with that name/,
    "REDIS_UNAVAILABLE",
    "The sentinels know no master by the name in the address. Check the name, and that these sentinels watch it.",
  ],
  [
    // The last: what a script is told whose slot is being moved.
    /LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|UNBLOCKED|BUSY |UNKILLABLE|\b(MOVED|ASK) \d+ |access a non local key/,
    "REDIS_UNAVAILABLE",
    "Redis is not able to answer at present (loading, failing over, moving a slot or busy). The call can be repeated.",
  ],
  [
    /Stream isn't writeable|Connection is closed|ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|max retries|Redis connection lost|all nodes|All sentinels|ClusterAllFailed|None of startup/i,
    "REDIS_UNAVAILABLE",
    "There is no connection to Redis. Check that it runs and that its address is right; connecting goes on by itself.",
  ],
];

/** Takes away what ioredis attaches to its errors: the command's arguments, among them passwords and payloads (pitfall X5). */
export function withoutArguments<T>(thrown: T): T {
  if (thrown instanceof Error && "command" in thrown) delete thrown.command;
  return thrown;
}

/** Turns whatever a Redis client threw into an `EscapementError` with a code; an `EscapementError` is returned as it is. */
export function toRedisError(thrown: unknown, doing: string): EscapementError {
  if (thrown instanceof EscapementError) return thrown;
  withoutArguments(thrown);
  const text = thrown instanceof Error ? `${thrown.name} ${thrown.message}` : String(thrown);
  const script = /\bESC_([A-Z_]+) ([^\n]*)/.exec(text);
  if (script?.[1] !== undefined) {
    return new EscapementError(script[1], (script[2] ?? "").replace(/ script: [0-9a-f]+.*$/, ""), {
      cause: thrown,
    });
  }
  for (const [pattern, code, message] of advice) {
    if (pattern.test(text)) return new RedisError(code, `${doing}: ${message}`, { cause: thrown });
  }
  const said = thrown instanceof Error ? thrown.message : text;
  return new RedisError("REDIS_FAILED", `${doing}: Redis answered with an error: ${said.slice(0, 500)}`, {
    cause: thrown,
  });
}

/** Whether repeating the call later can help, without anybody changing a setting. */
export function isTransient(error: unknown): boolean {
  return (
    error instanceof EscapementError &&
    !(error instanceof ConnectionClosedError) &&
    ["REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_READONLY", "REDIS_FULL"].includes(error.code)
  );
}
