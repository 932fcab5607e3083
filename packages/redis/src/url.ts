import type { RedisOptions } from "ioredis";
import type { ClusterAddress, ServerAddress } from "./cluster-address.js";
import { EscapementError } from "./errors.js";

/**
 * Reads the URL of a server, `redis://[[user]:password@]host[:port][/db]`, or of a master that sentinels know,
 * `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/name[/db]`. With `rediss` it is reached by TLS, and so are the sentinels.
 *
 * Of sentinels the hosts are theirs (port 26379 if it is left out), the user and password the servers'.
 *
 * @throws EscapementError `INVALID_REDIS_URL` for anything else. The message never repeats a password.
 */
export function parseRedisUrl(text: string): RedisOptions {
  const several = severalOf(text);
  if (several?.kind === "cluster")
    throw invalid("it names a Redis Cluster, and one server, or sentinels, are needed here");
  if (several !== undefined) return sentinelOptions(several);
  return serverOptions(text);
}

/**
 * Reads the URL of a Redis Cluster: `redis+cluster://[[user]:password@]host[:port][,host[:port]…]`, or `rediss+cluster://` for TLS. The hosts
 * are some of its servers, of which one has to answer.
 *
 * @throws EscapementError `INVALID_REDIS_URL` for anything else. The message never repeats a password.
 */
export function parseClusterUrl(text: string): ClusterAddress {
  const several = severalOf(text);
  if (several?.kind !== "cluster") throw invalid("it names no Redis Cluster");
  if (several.path !== "") throw invalid("a cluster has no databases, so that nothing may follow the hosts");
  const { user, tls } = several;
  return { nodes: hostsIn(several.hosts, 6379), options: { ...user, ...(tls ? { tls: {} } : {}) } };
}

/** Whether a URL is one of a Redis Cluster, right or wrong. */
export function isClusterUrl(text: string): boolean {
  return /^rediss?\+cluster:/i.test(text);
}

/** Throws what {@link parseRedisUrl} or {@link parseClusterUrl} would, for a URL of any form. */
export function checkRedisUrl(text: string): void {
  if (isClusterUrl(text)) parseClusterUrl(text);
  else parseRedisUrl(text);
}

/** A Redis URL that may be shown and logged: without user and password. */
export function redactRedisUrl(text: string): string {
  try {
    const several = severalOf(text);
    if (several !== undefined) {
      const { scheme, userInfo, hosts, path } = several;
      hostsIn(hosts, 0); // what is none may be a part of a password
      return `${scheme}://${userInfo === undefined ? "" : "***@"}${hosts}${path === "" ? "" : `/${path}`}`;
    }
    const url = new URL(text);
    if (!/^rediss?:$/.test(url.protocol) || url.host === "" || url.pathname.includes("@"))
      return "(not a Redis URL)";
    const shown = url.username === "" && url.password === "" ? "" : "***@";
    return `${url.protocol}//${shown}${url.host}${url.pathname}`;
  } catch {
    return "(not a Redis URL)";
  }
}

/** A URL with several hosts, in its parts: what a URL of the usual form cannot be. */
interface Several {
  readonly kind: "sentinel" | "cluster";
  readonly scheme: string;
  readonly tls: boolean;
  readonly userInfo: string | undefined;
  readonly user: Pick<RedisOptions, "username" | "password">;
  readonly hosts: string;
  /** What follows the hosts and a slash. */
  readonly path: string;
}

function severalOf(text: string): Several | undefined {
  const scheme = /^(rediss?)\+(sentinel|cluster):/i.exec(text);
  if (scheme === null) return undefined;
  // The last @ before the hosts: a password may hold others, though it should not. None after them: that would be the end of a password with a slash.
  const parts = /^\/\/(?:([^/]*)@)?([^/@?#]*)(?:\/([^?#@]*))?$/.exec(text.slice(scheme[0].length));
  if (parts === null) throw invalid("its form is another one");
  const [, userInfo, hosts = "", path = ""] = parts;
  const [name = "", ...password] = (userInfo ?? "").split(":");
  return {
    kind: scheme[2]?.toLowerCase() as Several["kind"],
    scheme: scheme[0].slice(0, -1).toLowerCase(),
    tls: scheme[1]?.toLowerCase() === "rediss",
    userInfo,
    user: {
      ...(name === "" ? {} : { username: decode(name) }),
      ...(password.length === 0 ? {} : { password: decode(password.join(":")) }),
    },
    hosts,
    path,
  };
}

function hostsIn(text: string, normalPort: number): ServerAddress[] {
  return text.split(",").map((one) => {
    let url: URL;
    try {
      url = new URL(`redis://${one}`);
    } catch (cause) {
      throw invalid("one of its hosts is none, or has no port that there is", cause);
    }
    if (url.hostname === "") throw invalid("one of its hosts has no name");
    return {
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? normalPort : Number(url.port),
    };
  });
}

function sentinelOptions({ hosts, path, user, tls }: Several): RedisOptions {
  const [name = "", db, ...more] = path.split("/");
  if (name === "") throw invalid("it does not say by which name the sentinels know the master");
  return {
    sentinels: hostsIn(hosts, 26_379),
    name: decode(name),
    ...user,
    ...databaseIn(more.length > 0 ? "more" : db),
    ...(tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
  };
}

function serverOptions(text: string): RedisOptions {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw invalid("it is not a URL", cause);
  }
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    throw invalid(`its scheme is "${url.protocol}"`);
  if (url.hostname === "") throw invalid("it names no host");
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 6379 : Number(url.port),
    ...(url.username === "" ? {} : { username: decode(url.username) }),
    ...(url.password === "" ? {} : { password: decode(url.password) }),
    ...databaseIn(url.pathname.replace(/^\//, "")),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
  };
}

function databaseIn(text: string | undefined): Pick<RedisOptions, "db"> {
  if (text === undefined || text === "") return {};
  if (!/^\d{1,4}$/.test(text)) throw invalid("what comes last must be a database number");
  return { db: Number(text) };
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
    `This is no Redis URL: ${why}. Give one such as redis://localhost:6379, rediss://user:password@host:6380/0, ` +
      "redis+sentinel://host1,host2:26379/mymaster or redis+cluster://host1:6379,host2:6379.",
    { cause },
  );
}
