import type { LeaderInfo } from "@escapement/core";
import type { LiveNode, NodeLine } from "./live-node.js";

/** What there is to be seen at a moment. */
export interface Picture {
  readonly title: string;
  readonly nodes: readonly LiveNode[];
  readonly leader: LeaderInfo | undefined;
  readonly status: string;
}

const kept = 200;

/** Shows the cluster: redrawn on a terminal, else one line after the other. */
export class View {
  readonly #out: NodeJS.WriteStream;
  readonly #redraws: boolean;
  readonly #colour: boolean;
  readonly #last: string[] = [];

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#redraws = out.isTTY === true;
    this.#colour = this.#redraws && !process.env["NO_COLOR"];
    if (this.#redraws) out.write("\u001b[?25l\u001b[2J");
  }

  /** One more line of what happens. */
  line(text: string): void {
    this.#last.push(text);
    if (this.#last.length > kept) this.#last.shift();
    if (!this.#redraws) this.#out.write(`${text}\n`);
  }

  draw({ title, nodes, leader, status }: Picture): void {
    if (!this.#redraws) return;
    const head = [title, "", ...nodes.map((node) => this.#nodeLine(node, leader)), ""];
    const room = Math.max(1, (this.#out.rows || 24) - head.length - 3);
    const body = this.#last.slice(-room);
    const width = (this.#out.columns || 80) - 1;
    const lines = [...head, ...body.map((line) => line.slice(0, width)), "", status];
    this.#out.write(`\u001b[H${lines.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`);
  }

  /** Gives the terminal back. */
  close(): void {
    if (this.#redraws) this.#out.write("\u001b[?25h\n");
  }

  #nodeLine({ name, id, state, starts, process }: LiveNode, leader: LeaderInfo | undefined): string {
    const leads = id !== undefined && id === leader?.node ? `leads, term ${leader.epoch}` : "";
    const text = `  ${name}  ${(id ?? "-").padEnd(12)}  pid ${String(process.pid).padEnd(7)}  ${state.padEnd(8)}  ${String(starts).padStart(5)} runs  ${leads}`;
    if (!this.#colour) return text;
    return `\u001b[${state === "dead" ? 31 : leads === "" ? 0 : 32}m${text}\u001b[0m`;
  }
}

/** A node's line in words; `undefined` for what is of no interest here. */
export function inWords(node: LiveNode, line: NodeLine): string | undefined {
  const {
    event,
    time,
    runId = "",
    jobId,
    scheduledAt,
    attempt = 1,
    lateness = 0,
    outcome,
    reason,
    epoch,
  } = line;
  const start = `${time.slice(11, 23)}  ${node.name}  `;
  switch (event) {
    case "started":
      return `${start}runs as ${node.id}, process ${line.pid}`;
    case "beforeRun": {
      const what = `${(jobId ?? runId).padEnd(26)} of ${scheduledAt?.slice(11, 23)}`;
      return attempt === 1 ? `${start}${what}  ${lateness} ms late` : `${start}${what}  attempt ${attempt}`;
    }
    case "afterRun":
      return outcome === "succeeded" ? undefined : `${start}${runId} ${outcome}`;
    case "skipped":
    case "missed":
      return `${start}${runId} ${event}: ${reason}`;
    case "lost":
      return `${start}${runId} was lost with its node`;
    case "leaderElected":
      return `${start}leads, term ${epoch}`;
    case "nodeDead":
      return `${start}declares node ${line.node} dead`;
    default:
      return undefined;
  }
}
