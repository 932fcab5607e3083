// What processes ask of the store, one request for each script, and what it answers.
import type { Identity, Job, Report, Run } from "./state.js";

/** The lines of a worker's requests. Numbers are counted across both. */
export type Line = 1 | 2;

/** The loops of a node: each has one request under way at most. `second`: the worker's second line. */
export type Loop = "worker" | "second" | "leader" | "elector" | "heart";

export type Request =
  | { kind: "claim"; line: Line; number: number; slots: number; completions: Report[] }
  | { kind: "reconcile"; number: number; held: { run: Run; token: number }[] }
  | {
      kind: "materialise";
      epoch: number;
      job: Job;
      version: number;
      expected: number;
      times: number[];
      next: number | null;
    }
  | { kind: "recover"; epoch: number }
  | { kind: "watch"; epoch: number }
  | { kind: "acquire"; ended: number; seen: number }
  | { kind: "renew"; epoch: number }
  | { kind: "heartbeat" };

/** An attempt that a claim's answer gives. */
export interface Claimed {
  run: Run;
  token: number;
  attempt: number;
  left: number[];
}

export type Answer =
  | { kind: "refused"; code: "NODE_DEAD" | "STALE_REQUEST" | "STALE_EPOCH" }
  | { kind: "claimed"; accepted: boolean[]; claimed: Claimed[] }
  | { kind: "elected"; acquired: boolean; epoch: number }
  | { kind: "done"; yes: boolean };

/** The loop that sends a request. */
export function loopOf(request: Request): Loop {
  const { kind } = request;
  if (kind === "claim") return loopOfLine(request.line);
  if (kind === "reconcile") return "worker";
  if (kind === "acquire" || kind === "renew") return "elector";
  return kind === "heartbeat" ? "heart" : "leader";
}

export function loopOfLine(line: Line): Loop {
  return line === 1 ? "worker" : "second";
}

/** A request in words, for a story. */
export function tellRequest(request: Request): string {
  switch (request.kind) {
    case "claim": {
      const said = request.completions.map(({ run, attempt, outcome }) => `${run}#${attempt}=${outcome}`);
      const asks = request.slots > 0 ? `claim up to ${request.slots}` : "claim nothing";
      const line = request.line === 1 ? "" : " of the second line";
      return `claim.lua, number ${request.number}${line}: ${asks}${said.length > 0 ? `, reporting ${said.join(", ")}` : ""}`;
    }
    case "reconcile":
      return `reconcile.lua: holding ${request.held.map(({ run }) => run).join(", ") || "nothing"}`;
    case "materialise":
      return `materialise.lua in term ${request.epoch}: ${request.job} at ${request.times.join(", ") || "no time"}, cursor ${request.expected} -> ${request.next ?? "none"}`;
    case "recover":
    case "watch":
      return `${request.kind}.lua in term ${request.epoch}`;
    case "renew":
      return `renew.lua of term ${request.epoch}`;
    default:
      return `${request.kind}.lua`;
  }
}

/** An answer in words. */
export function tellAnswer(answer: Answer): string {
  switch (answer.kind) {
    case "refused":
      return answer.code;
    case "claimed": {
      const given = answer.claimed.map(({ run, attempt, token }) => `${run}#${attempt} with token ${token}`);
      const accepted = answer.accepted.map((yes) => (yes ? "accepted" : "refused"));
      return [...accepted, given.join(", ") || "nothing to start"].join(", ");
    }
    case "elected":
      return answer.acquired ? `term ${answer.epoch}` : "another one leads";
    case "done":
      return answer.yes ? "done" : "no";
  }
}

/** Who a message is from, without the number: the letter of the process. */
export function processOf(identity: Identity): string {
  return identity.slice(0, 1);
}
