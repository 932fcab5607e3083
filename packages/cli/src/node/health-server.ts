import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import type { Health, Scheduler } from "@escapement/core";
import { InvalidArgumentError } from "commander";
import { CliError } from "../cli-error.js";

/** Where a node answers whether it is well. */
export interface HealthAddress {
  /** `undefined`: all of the machine's addresses. */
  readonly host: string | undefined;
  /** 0: a free one. */
  readonly port: number;
}

/** Milliseconds that a request may take to arrive. */
const requestTimeout = 5000;

/**
 * Reads `PORT`, `HOST:PORT` or `[IPV6]:PORT`. A port alone is meant for all addresses: orchestrators ask at the address of the pod or container,
 * where a server on 127.0.0.1 would never be heard.
 */
export function healthAddress(text: string): HealthAddress {
  const [, host, port = ""] = /^(?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw new InvalidArgumentError("Give a port or host:port, such as 8080, 127.0.0.1:8080 or [::1]:8080.");
  return { host: host?.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** Answers `GET /livez`, `/readyz` and `/healthz` (the same as `/readyz`): 200 or 503, with the reasons as JSON. */
export class HealthServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Listens.
   *
   * @param health is asked at each request, and must answer at once
   * @throws CliError `HEALTH_PORT` if it cannot listen there
   */
  static async open({ host, port }: HealthAddress, health: () => Health): Promise<HealthServer> {
    const server = createServer(
      {
        maxHeaderSize: 8192,
        headersTimeout: requestTimeout,
        requestTimeout,
        keepAliveTimeout: requestTimeout,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => answer(request, response, health),
    );
    server.maxConnections = 100;
    server.listen({ port, host });
    try {
      await once(server, "listening");
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      const why = code === "EADDRINUSE" ? "another process has that port" : message;
      throw new CliError(
        "HEALTH_PORT",
        `Cannot answer health requests at ${shown(host, port)}: ${why}. Give --health another address.`,
        { cause },
      );
    }
    return new HealthServer(server);
  }

  /** Where it listens, for people. */
  get url(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `http://${shown(address, port)}`;
  }

  /** Ends it, with the connections that it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/**
 * Answers for a node, and that it is not ready as soon as a signal came, whatever the node is doing by then.
 *
 * @param stopping settles when the node is told to stop
 * @throws CliError `HEALTH_PORT`; the scheduler is stopped then
 */
export async function openHealth(
  address: HealthAddress | undefined,
  scheduler: Scheduler,
  stopping: Promise<void>,
): Promise<HealthServer | undefined> {
  if (address === undefined) return undefined;
  let told = false;
  void stopping.then(() => {
    told = true;
  });
  const health = (): Health => {
    const now = scheduler.health();
    if (!told || now.reasons.some(({ code }) => code === "STOPPING")) return now;
    const reason = { code: "STOPPING", message: "The node has been told to stop." } as const;
    return { ...now, ready: false, reasons: [...now.reasons, reason] };
  };
  try {
    return await HealthServer.open(address, health);
  } catch (error) {
    await scheduler.stop({ timeout: 0 });
    throw error;
  }
}

function shown(host: string | undefined, port: number): string {
  if (host === undefined) return `port ${port}`;
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function answer(request: IncomingMessage, response: ServerResponse, health: () => Health): void {
  const path = request.url?.replace(/\?.*$/, "");
  response.setHeader("Connection", "close");
  if (path !== "/livez" && path !== "/readyz" && path !== "/healthz") {
    response.writeHead(404).end();
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { Allow: "GET, HEAD" }).end();
    return;
  }
  const now = health();
  const well = path === "/livez" ? now.live : now.ready;
  const body = `${JSON.stringify(now)}\n`;
  response.writeHead(well ? 200 : 503, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
