import { randomUUID } from "node:crypto";
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from "testcontainers";
import { rdbFile } from "./data-files.js";
import { TestingError } from "./errors.js";
import type { Machine, MachineSignal } from "./managed-server.js";
import { redisArguments, redisUrl, type StartRedisOptions } from "./redis-options.js";
import { noEngine } from "./redis-way.js";
import { onlyFileOf } from "./tar.js";

const dataFolder = "/data";

// Without a password, a protected server refuses all but its own host, and here every client comes from outside.
const command = ["redis-server", "--dir", dataFolder, "--protected-mode", "no"];

type Engine = Awaited<ReturnType<typeof getContainerRuntimeClient>>;

/**
 * Runs redis-server in a container. The container is stopped and started again, not replaced, so that it keeps its
 * data; its port on the host is fixed, since an engine would otherwise give it another one at each start.
 *
 * @throws TestingError `NO_REDIS` if no container engine answers, `UNSUPPORTED` for a given folder
 */
export async function containerMachine(
  image: string,
  port: number,
  options: StartRedisOptions,
): Promise<Machine> {
  for (const option of ["dir", "env", "tls"] as const)
    if (options[option] !== undefined)
      throw new TestingError("UNSUPPORTED", `A server in a container cannot have the option "${option}"`);
  const engine = await getContainerRuntimeClient().catch((cause: unknown) => {
    throw noEngine(cause);
  });
  return new ContainerMachine(engine, image, port, options);
}

class ContainerMachine implements Machine {
  readonly way = "testcontainers";
  readonly pid = undefined;
  readonly keepsData = false;
  readonly url: string;
  readonly port: number;
  readonly #engine: Engine;
  readonly #image: string;
  readonly options: StartRedisOptions;
  readonly #name = `escapement-redis-${randomUUID()}`;
  #started: StartedTestContainer | undefined;

  constructor(engine: Engine, image: string, port: number, options: StartRedisOptions) {
    this.#engine = engine;
    this.#image = image;
    this.options = options;
    this.port = port;
    this.url = redisUrl(engine.info.containerRuntime.host, port, options);
  }

  async start(): Promise<void> {
    if (this.#started) {
      await this.#container.start();
      return;
    }
    const log: string[] = [];
    try {
      // Its own line tells that the server is up; the usual look at the port from within needs tools in the image.
      this.#started = await new GenericContainer(this.#image)
        .withName(this.#name)
        .withCommand([...command, ...redisArguments(this.options)])
        .withExposedPorts({ container: 6379, host: this.port })
        .withLogConsumer((lines) => lines.on("data", (line) => log.push(String(line))))
        .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
        .withStartupTimeout(60_000)
        .start();
    } catch (cause) {
      // The engine keeps a container that it could not start, such as one whose port was taken.
      const left = this.#engine.container.dockerode.getContainer(this.#name);
      await left.remove({ force: true, v: true }).catch(() => {});
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `Redis did not start in a container of ${this.#image}: ${reason}\n${log.join("")}`;
      throw new TestingError("START_FAILED", message, { cause });
    }
  }

  async running(): Promise<boolean> {
    if (!this.#started) return false;
    return (await this.#container.inspect()).State.Running;
  }

  async signal(signal: MachineSignal): Promise<void> {
    if (!(await this.running())) return;
    await this.#container.kill({ signal });
  }

  async explain(): Promise<string> {
    if (!this.#started) return "";
    const log = await this.#container.logs({ stdout: true, stderr: true, tail: 15 });
    return textOf(log);
  }

  async readRdb(): Promise<Buffer> {
    return onlyFileOf(await this.#container.getArchive({ path: `${dataFolder}/${rdbFile}` }));
  }

  async replaceData(files: Map<string, Buffer>): Promise<void> {
    // An archive cannot take files away; those of the old append-only file stay, but no manifest names them any more.
    const contents = [...files].map(([path, content]) => ({ content, target: `${dataFolder}/${path}` }));
    await this.#started?.copyContentToContainer(contents);
  }

  async remove(): Promise<void> {
    const started = this.#started;
    if (!started) return;
    await this.signal("SIGKILL");
    this.#started = undefined;
    await started.stop();
  }

  get #container(): ReturnType<Engine["container"]["getById"]> {
    return this.#engine.container.getById(this.#started?.getId() ?? "");
  }
}

/** The text of a container's log, which comes in frames: 8 bytes, the last four of them the length, then the text. */
function textOf(log: Buffer): string {
  const text: string[] = [];
  for (let at = 0; at + 8 <= log.length; ) {
    const end = at + 8 + log.readUInt32BE(at + 4);
    text.push(log.toString("utf8", at + 8, end));
    at = end;
  }
  return text.join("");
}
