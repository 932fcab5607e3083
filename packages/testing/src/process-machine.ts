import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { configText } from "./config-file.js";
import { aofFolder, rdbFile } from "./data-files.js";
import { eventually } from "./eventually.js";
import { guardedFolder, removeFolder, signalGroup, spawnGuarded } from "./guard.js";
import type { Machine, MachineSignal } from "./managed-server.js";
import { processState } from "./process-state.js";
import { redisArguments, redisUrl, type StartRedisOptions } from "./redis-options.js";

/** What a child process is, other than a server by its command line. */
export interface ProcessKind {
  /** Keep the settings in a file, which the server may change and finds again after a restart. @default false */
  readonly inFile?: boolean;
  /** Run it as a sentinel with these settings, in a file, instead of as a server. */
  readonly sentinel?: readonly string[];
}

/** Runs redis-server as a child process on 127.0.0.1 with a data folder of its own. */
export async function processMachine(
  binary: string,
  port: number,
  options: StartRedisOptions,
  kind: ProcessKind = {},
): Promise<Machine> {
  const folder = options.dir ?? (await guardedFolder("redis"));
  const args = [
    ...(await listening(port, folder, options)),
    ...["--bind", "127.0.0.1", "--dir", folder, "--daemonize", "no"],
    ...(kind.sentinel ?? redisArguments(options)),
  ];
  if (kind.sentinel === undefined && kind.inFile !== true)
    return new ProcessMachine(binary, port, options, folder, args);
  const file = join(folder, "redis.conf");
  await writeFile(file, configText(args));
  return new ProcessMachine(binary, port, options, folder, [
    file,
    ...(kind.sentinel === undefined ? [] : ["--sentinel"]),
  ]);
}

/** Where it listens; with TLS its certificates are put beside its data. */
async function listening(port: number, folder: string, { tls }: StartRedisOptions): Promise<string[]> {
  if (tls === undefined) return ["--port", String(port)];
  const args = ["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no"];
  for (const part of ["ca", "cert", "key"] as const) {
    const file = join(folder, `tls-${part}.pem`);
    await writeFile(file, tls[part], { mode: 0o600 });
    args.push(part === "ca" ? "--tls-ca-cert-file" : `--tls-${part}-file`, file);
  }
  return args;
}

class ProcessMachine implements Machine {
  readonly way = "process";
  readonly url: string;
  readonly port: number;
  readonly keepsData: boolean;
  readonly options: StartRedisOptions;
  readonly #binary: string;
  readonly #args: readonly string[];
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  #child: { child: ChildProcess; pid: number } | undefined;

  constructor(
    binary: string,
    port: number,
    options: StartRedisOptions,
    folder: string,
    args: readonly string[],
  ) {
    this.url = redisUrl("127.0.0.1", port, options);
    this.port = port;
    this.options = options;
    this.#binary = binary;
    this.#folder = folder;
    this.#env = { ...process.env, ...options.env };
    this.keepsData = options.dir !== undefined;
    this.#args = args;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const log = openSync(this.#log, "a");
    try {
      const started = await spawnGuarded(this.#binary, this.#args, {
        cwd: this.#folder,
        env: this.#env,
        stdio: ["ignore", log, log],
      });
      this.#child = started;
      started.child.once("exit", () => {
        if (this.#child === started) this.#child = undefined;
      });
      // A server that somebody forgot to stop must not keep the test process alive.
      started.child.unref();
    } finally {
      closeSync(log);
    }
  }

  async running(): Promise<boolean> {
    return this.#child !== undefined;
  }

  async signal(signal: MachineSignal): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    // The whole group: a background save is a process of its own and would otherwise go on.
    signalGroup(pid, signal);
    if (signal !== "SIGSTOP" || process.platform !== "linux") return;
    await eventually(async () => (await processState(pid)) !== "runs", { every: 1 });
  }

  async explain(): Promise<string> {
    const log = await readFile(this.#log, "utf8").catch(() => "");
    return log.trimEnd().split("\n").slice(-15).join("\n");
  }

  async readRdb(): Promise<Buffer> {
    return readFile(join(this.#folder, rdbFile));
  }

  async replaceData(files: Map<string, Buffer>): Promise<void> {
    await rm(join(this.#folder, aofFolder), { recursive: true, force: true });
    for (const [path, content] of files) {
      const file = join(this.#folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
  }

  async remove(): Promise<void> {
    const child = this.#child?.child;
    child?.ref();
    const ended = child && once(child, "exit");
    await this.signal("SIGKILL");
    await ended;
    if (!this.keepsData) await removeFolder(this.#folder);
  }

  get #log(): string {
    return join(this.#folder, "redis.log");
  }
}
