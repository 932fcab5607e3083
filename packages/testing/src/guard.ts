// Nothing that this package starts outlives the process that asked for it, not even if that process gets SIGKILL: a
// tiny shell process, the watchdog, holds the other end of a pipe, and kills all that is listed when the pipe closes.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestingError } from "./errors.js";

const watchdogScript = `
trap '' INT TERM HUP
pids=' '
while read -r verb value; do
  case $verb in
    watch) pids="$pids$value " ;;
    forget) pids="\${pids%% $value *} \${pids#* $value }" ;;
    temporary) set -- "$@" "$value" ;;
  esac
done
for pid in $pids; do kill -9 "-$pid" || kill -9 "$pid"; done 2>/dev/null
[ $# -eq 0 ] || rm -rf -- "$@"
`;

const watched = new Set<number>();
const temporary = new Set<string>();
let watchdog: ChildProcess | undefined;

function tellWatchdog(line: string): void {
  watchdog ??= startWatchdog();
  watchdog.stdin?.write(`${line}\n`);
}

function startWatchdog(): ChildProcess {
  const child = spawn("sh", ["-c", watchdogScript], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  child.on("error", () => {});
  child.stdin?.on("error", () => {});
  child.unref();
  // The pipe must not keep the process alive; ChildProcess types it as a Writable, at run time it is a socket.
  if (child.stdin && "unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
  process.once("exit", cleanUpNow);
  return child;
}

/** The last, synchronous chance of a process that ends in an orderly way. */
function cleanUpNow(): void {
  for (const pid of watched) signalGroup(pid, "SIGKILL");
  for (const dir of temporary) rmSync(dir, { recursive: true, force: true });
}

/**
 * Starts a child, in a process group of its own, that is killed (with its own children) when this process ends in
 * whatever way. Resolves once it runs.
 *
 * @throws TestingError `START_FAILED` if the program cannot be run
 */
export async function spawnGuarded(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): Promise<{ child: ChildProcess; pid: number }> {
  const child = spawn(command, args, { ...options, detached: true });
  const { pid } = child;
  if (pid !== undefined) {
    watched.add(pid);
    tellWatchdog(`watch ${pid}`);
    child.once("exit", () => {
      // What it left behind goes with it, and with that its pipes end.
      signalGroup(pid, "SIGKILL");
      watched.delete(pid);
      tellWatchdog(`forget ${pid}`);
    });
  }
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => {
      reject(new TestingError("START_FAILED", `Cannot run ${command}: ${cause.message}`, { cause }));
    });
  });
  if (pid === undefined)
    throw new TestingError("START_FAILED", `Cannot run ${command}: it got no process id`);
  return { child, pid };
}

/** Signals a whole process group; a group that is gone already is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Some systems say EPERM of a group in which only the ended leader is left.
    const gone =
      error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM");
    if (!gone) throw error;
  }
}

/** A new temporary folder that goes when this process ends in whatever way, if not removed before. */
export async function guardedFolder(purpose: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `escapement-${purpose}-`));
  temporary.add(dir);
  tellWatchdog(`temporary ${dir}`);
  return dir;
}

/** Removes a folder made by {@link guardedFolder}. */
export async function removeFolder(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  temporary.delete(dir);
}
