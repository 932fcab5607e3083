import { spawnSync } from "node:child_process";
import { chownSync, existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { guardedFolder, removeFolder, startProcess } from "@escapement/testing";
import { Logger, makeWorkerUtils } from "graphile-worker";

/** A PostgreSQL of our own. */
export interface Postgres {
  readonly url: string;
  readonly version: string;
  /** Drops all that contestants have put there. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL that is installed here, as the user `postgres` where we are root, which it refuses to run as. It writes nothing
 * through to the disk, as the Redis beside it. `undefined` if there is none, or it cannot be started.
 */
export async function startPostgres(): Promise<Postgres | undefined> {
  const folder = binaries();
  if (folder === undefined) return undefined;
  const data = await guardedFolder("bench-postgres");
  const user = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];
  try {
    if (user.length > 0) chownSync(data, idOf("-u"), idOf("-g"));
    run([...user, join(folder, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]);
    const port = await freePort();
    const [program = "", ...args] = [
      ...[...user, join(folder, "postgres"), "-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", ""],
      ...["fsync=off", "synchronous_commit=off", "full_page_writes=off"].flatMap((one) => ["-c", one]),
    ];
    const server = await startProcess(program, args, { cwd: tmpdir() });
    await server.waitForLine(/ready to accept connections/, 20_000);
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    const stop = async (): Promise<void> => {
      await server.stop();
      await removeFolder(data);
    };
    return { url, version: versionOf(folder), clear: () => dropAll(url), stop };
  } catch (error) {
    await removeFolder(data);
    console.log(`PostgreSQL is here, but does not start: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** Where its programs are: Debian has them off the PATH. */
function binaries(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const folders = [
    ...(existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, "bin")) : []),
    ...(process.env["PATH"] ?? "").split(delimiter),
  ];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

function versionOf(folder: string): string {
  return /[\d.]+/.exec(run([join(folder, "postgres"), "--version"]))?.[0] ?? "?";
}

function idOf(which: "-u" | "-g"): number {
  return Number(run(["id", which, "postgres"]));
}

function run([program = "", ...args]: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", cwd: tmpdir() });
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
  return stdout.trim();
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function dropAll(connectionString: string): Promise<void> {
  const utils = await makeWorkerUtils({ connectionString, logger: new Logger(() => () => undefined) });
  await utils.withPgClient((client) =>
    client.query("drop schema if exists pgboss cascade; drop schema if exists graphile_worker cascade"),
  );
  await utils.release();
}
