import { Redis } from "ioredis";
import type { CheckResult } from "./checks.js";
import { kindOf, type RedisSource } from "./source.js";
import { parseClusterUrl, parseRedisUrl } from "./url.js";

/** Whether a source is reached by TLS, and with a look at who the server is. */
export function encryptionOf(source: RedisSource): "none" | "unverified" | "verified" {
  const tls = tlsOf(source);
  if (tls === undefined || tls === null) return "none";
  const asked = (tls as { rejectUnauthorized?: unknown }).rejectUnauthorized;
  const verifies =
    asked === undefined ? process.env["NODE_TLS_REJECT_UNAUTHORIZED"] !== "0" : asked !== false;
  return verifies ? "verified" : "unverified";
}

function tlsOf(source: RedisSource): unknown {
  if (typeof source === "string")
    return (kindOf(source) === "cluster" ? parseClusterUrl(source).options : parseRedisUrl(source)).tls;
  const options = (
    source instanceof Redis ? source.options : "options" in source ? source.options : source
  ) as {
    tls?: unknown;
    redisOptions?: { tls?: unknown };
  };
  return options.tls ?? options.redisOptions?.tls;
}

/** What there is to say of a connection by TLS; nothing of one without. */
export function checkEncryption(source: RedisSource, of = "The connection"): CheckResult[] {
  const found = encryptionOf(source);
  if (found === "none") return [];
  if (found === "verified")
    return [{ check: "encryption", level: "ok", message: `${of} uses TLS, and looks at who the server is.` }];
  const message =
    `${of} uses TLS and does not look at who the server is, so that whoever stands between reads the password and all inputs. ` +
    "Leave out rejectUnauthorized: false (or NODE_TLS_REJECT_UNAUTHORIZED=0), and give the server's authority as tls.ca.";
  return [{ check: "encryption", level: "warning", message }];
}
