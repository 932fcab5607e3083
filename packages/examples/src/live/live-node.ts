import { fileURLToPath } from "node:url";
import { startProcess, type TestProcess } from "@escapement/testing";

/** What `escapement node --json` prints, as far as it is used here. */
export interface NodeLine {
  readonly event: string;
  readonly time: string;
  readonly node?: string;
  readonly pid?: number;
  readonly runId?: string;
  readonly jobId?: string;
  readonly attempt?: number;
  readonly scheduledAt?: string;
  readonly lateness?: number;
  readonly outcome?: string;
  readonly reason?: string;
  readonly epoch?: number;
  readonly error?: { readonly message?: string };
}

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** One node: a process that runs `escapement node`. It never outlives this one. */
export class LiveNode {
  readonly name: string;
  readonly process: TestProcess;
  /** Its identity in the cluster, once it has said so. */
  id: string | undefined;
  state: "starting" | "alive" | "dead" | "stopped" = "starting";
  starts = 0;
  #read = 0;

  constructor(name: string, started: TestProcess) {
    this.name = name;
    this.process = started;
    void started.exited.then(({ code }) => {
      this.state = code === 0 ? "stopped" : "dead";
    });
  }

  /** What it has printed since the last call. */
  newLines(): NodeLine[] {
    const lines = this.process.lines.slice(this.#read);
    this.#read += lines.length;
    return lines.flatMap((text) => {
      if (!text.startsWith("{")) return [];
      const line = JSON.parse(text) as NodeLine;
      if (line.event === "started") {
        this.id = line.node;
        this.state = "alive";
      }
      if (line.event === "beforeRun") this.starts += 1;
      return line;
    });
  }
}

/** Starts a node with the example crontab and the example jobs. */
export async function startLiveNode(name: string, env: Readonly<Record<string, string>>): Promise<LiveNode> {
  const args = ["--crontab", "crontab/example.crontab", "--jobs", "jobs/example.jobs.mjs", "--json"];
  const started = await startProcess(process.execPath, [file("../cli/bin/escapement.js"), "node", ...args], {
    cwd: file("."),
    env,
  });
  return new LiveNode(name, started);
}
