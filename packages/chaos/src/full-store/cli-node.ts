import { fileURLToPath } from "node:url";
import type { Health } from "@escapement/core";
import { startProcess } from "@escapement/testing";

const bin = fileURLToPath(new URL("../../../cli/bin/escapement.js", import.meta.url));

/** What `node --health` answers: the status and what is in it. */
export interface Answer {
  readonly status: number;
  readonly health: Health;
}

/** A node as the command line starts it, asked as an orchestrator asks it. */
export interface CliNode extends AsyncDisposable {
  ask(path: "/livez" | "/readyz"): Promise<Answer>;
}

/** Starts `escapement node --health`; resolves when it answers. */
export async function startCliNode(url: string, namespace: string): Promise<CliNode> {
  const args = [bin, "node", "--allow-shell", "--health", "127.0.0.1:0"];
  const env = { ESCAPEMENT_REDIS_URL: url, ESCAPEMENT_NAMESPACE: namespace };
  const started = await startProcess(process.execPath, args, { env });
  const line = await started.waitForLine(/^health at/, 20_000);
  const address = /http:\/\/[^/]+/.exec(line)?.[0] ?? "";
  return {
    async ask(path) {
      const answer = await fetch(`${address}${path}`, { signal: AbortSignal.timeout(5000) });
      return { status: answer.status, health: (await answer.json()) as Health };
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
