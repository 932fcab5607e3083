// Finds a Redis for `npm start` and `npm test` on a machine that may have none, before anything of ours is installed:
// plain Node, no dependencies.
import { spawn } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";

const threeWays = `Escapement needs a Redis (7.0 or later) or Valkey (7.2 or later). Give it one in one of three ways:
  1. name a server that runs already: ESCAPEMENT_REDIS_URL=redis://host:port
  2. put redis-server or valkey-server on the PATH (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)
  3. start a Docker engine, so that "docker info" answers`;

const installSeconds = 240;

/**
 * Where a Redis comes from: the address of a server that runs, a program to be started as a child, or a Docker engine
 * to start containers with.
 *
 * @typedef {{ kind: "url", url: string } | { kind: "process", binary: string } | { kind: "docker" }} RedisSource
 */

/**
 * Finds a Redis: `ESCAPEMENT_REDIS_URL`, a server program on the PATH, a Docker engine, and on Debian and Ubuntu, as
 * root, the package redis-server, which it installs without starting a service.
 *
 * @param {{ log: (message: string) => void }} options `log` hears of what takes long
 * @returns {Promise<RedisSource>}
 * @throws {Error} that names the three ways, if there is none or the one that was named does not answer
 */
export async function ensureRedis({ log }) {
  const url = process.env.ESCAPEMENT_REDIS_URL;
  if (url) return checkedUrl(url);
  const binary = serverOnPath();
  if (binary) return { kind: "process", binary };
  if (await dockerAnswers()) return { kind: "docker" };
  const obstacle = aptObstacle();
  if (obstacle) throw new Error(`${threeWays}\n(apt-get was not tried: ${obstacle}.)`);
  log("No Redis found: installing the package redis-server with apt-get (once; up to a few minutes)");
  const output = await installByApt();
  const installed = serverOnPath();
  if (installed) return { kind: "process", binary: installed };
  throw new Error(`${threeWays}\n(apt-get was tried and failed:)\n${output}`);
}

/** @returns {string | undefined} the first redis-server or valkey-server that can be run */
function serverOnPath() {
  return onPath("redis-server") ?? onPath("valkey-server");
}

/** @param {string} program */
function onPath(program) {
  const files = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder || ".", program));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * @param {string} url
 * @returns {Promise<RedisSource>}
 */
async function checkedUrl(url) {
  const { protocol, hostname, port } = URL.canParse(url) ? new URL(url) : {};
  if (!hostname || !["redis:", "rediss:"].includes(protocol)) {
    throw new Error(
      `ESCAPEMENT_REDIS_URL is not of the form redis://host:port or rediss://host:port.\n${threeWays}`,
    );
  }
  const place = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 6379) };
  const failure = await connectFailure(place);
  if (!failure) return { kind: "url", url };
  // The address may hold a password: only host and port are shown.
  throw new Error(
    `ESCAPEMENT_REDIS_URL names ${place.host}:${place.port}, which does not answer (${failure}).\n${threeWays}`,
  );
}

/**
 * @param {{ host: string, port: number }} place
 * @returns {Promise<string | undefined>} why no connection could be made within 5 seconds
 */
function connectFailure(place) {
  return new Promise((resolve) => {
    const socket = connect({ ...place, timeout: 5000 });
    /** @param {string} [failure] */
    const done = (failure) => {
      socket.destroy();
      resolve(failure);
    };
    socket.once("connect", () => done());
    socket.once("timeout", () => done("no connection within 5 s"));
    socket.once("error", (error) => done(error.code ?? error.message));
  });
}

/** Whether the docker command is there and reaches an engine. */
async function dockerAnswers() {
  const { status, output } = await run("docker", ["info", "--format", "{{.ServerVersion}}"], 10);
  return status === 0 && output.trim() !== "";
}

/** @returns {string | undefined} why redis-server cannot be installed here */
function aptObstacle() {
  if (process.getuid?.() !== 0) return "it needs root";
  let system = "";
  try {
    system = readFileSync("/etc/os-release", "utf8");
  } catch {
    // Not a Linux of the usual kind.
  }
  if (!/^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(system)) return "this is neither Debian nor Ubuntu";
  return onPath("apt-get") ? undefined : "there is no apt-get";
}

/**
 * Installs redis-server. The package would start its service, on a port that may be somebody's; Debian asks
 * policy-rc.d first, which says no for as long as this takes. The shell removes it even if we are interrupted.
 *
 * @returns {Promise<string>} what apt-get said
 */
async function installByApt() {
  const policy = "/usr/sbin/policy-rc.d";
  const script = `
    if [ ! -e ${policy} ]; then
      trap 'rm -f ${policy}' EXIT
      trap 'exit 130' HUP INT TERM
      printf '#!/bin/sh\\nexit 101\\n' >${policy} && chmod +x ${policy}
    fi
    apt="timeout ${installSeconds / 2} apt-get -o DPkg::Lock::Timeout=60 -q"
    $apt update
    $apt install -y --no-install-recommends redis-server`;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { output } = await run("sh", ["-c", script], installSeconds + 10, env);
  return output.split("\n").slice(-25).join("\n");
}

/**
 * Runs a program to its end, and no longer than that many seconds.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {number} seconds
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<{ status: number | null, output: string }>} status null: it could not be run or took too long
 */
function run(command, args, seconds, env = process.env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: seconds * 1000 });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.once("error", (error) => resolve({ status: null, output: error.message }));
    child.once("close", (status) => resolve({ status, output }));
  });
}
