import type { Certificates } from "./certificates.js";
import { TestingError } from "./errors.js";

/** A user of a server, by its ACL. */
export interface RedisUser {
  readonly name: string;
  readonly password: string;
  /** What it may do, such as `["~orders:*", "&*", "+@all"]`; nothing that is not said. */
  readonly rules: readonly string[];
}

/** What a server is started with. Everything else is Redis's default, except `save ""` and `noeviction`. */
export interface StartRedisOptions {
  /**
   * The append-only file: written through at each write, each second, or none.
   * @default "no"
   */
  appendonly?: "always" | "everysec" | "no";
  /**
   * The password that clients must give; the server's `url` carries it.
   * @default none
   */
  password?: string;
  /**
   * Users besides the default one; {@link RedisServer.urlAs} gives their addresses.
   * @default none
   */
  users?: readonly RedisUser[];
  /**
   * Take nothing but TLS, with these certificates of `createCertificates`. Only for the way "process".
   * @default no TLS
   */
  tls?: Certificates;
  /**
   * Redis's `maxmemory`, such as `"3mb"`.
   * @default no bound
   */
  maxmemory?: string;
  /**
   * The port on 127.0.0.1.
   * @default a free one
   */
  port?: number;
  /**
   * The folder of the data files; it must exist and is left as it is by `stop()`. Only for the way "process".
   * @default a temporary one, removed by `stop()`
   */
  dir?: string;
  /** More command line arguments of redis-server, after ours, so that they prevail: `["--hz", "100"]`. */
  args?: readonly string[];
  /** Variables of the server's process, besides this process's own. Only for the way "process". */
  env?: Readonly<Record<string, string>>;
  /**
   * How long the server may take to answer PING at each start, in milliseconds.
   * @default 15000
   */
  within?: number;
}

/** The command line that both ways of starting a server share. */
export function redisArguments(options: StartRedisOptions): string[] {
  const { appendonly = "no", password, maxmemory, args = [] } = options;
  const persistence = appendonly === "no" ? ["no"] : ["yes", "--appendfsync", appendonly];
  return [
    ...["--save", "", "--appendonly", ...persistence],
    ...["--maxmemory-policy", "noeviction"],
    ...(maxmemory === undefined ? [] : ["--maxmemory", maxmemory]),
    ...(password === undefined ? [] : ["--requirepass", password]),
    ...(options.users ?? []).flatMap(userArguments),
    ...args,
  ];
}

/** Redis would say no more than that the line is wrong. */
function userArguments({ name, password, rules }: RedisUser): string[] {
  const wrong = [name, password, ...rules].find((word) => word === "" || /\s/.test(word));
  if (wrong !== undefined)
    throw new TestingError(
      "INVALID",
      `A user's name, password and rules have no spaces: ${JSON.stringify(wrong)}`,
    );
  return ["--user", name, "on", `>${password}`, ...rules];
}

/** The address of a server, with its password if it has one. */
export function redisUrl(host: string, port: number, { password, tls }: StartRedisOptions): string {
  const user = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
  return `${tls === undefined ? "redis" : "rediss"}://${user}${host}:${port}`;
}
