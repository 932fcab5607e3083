import { parseArgs } from "node:util";
import { parseDuration } from "@escapement/triggers";

/** What `npm start -- …` can be told. */
export interface LiveOptions {
  /** Milliseconds after which it ends by itself. */
  readonly runFor: number | undefined;
  /** Milliseconds after which the leader is killed. */
  readonly killLeader: number | undefined;
  readonly nodes: number;
}

export const usage: string = `npm start -- [--for 30s] [--kill-leader 10s] [--nodes 3]

  --for          end by itself after that long, with a summary; exit code 0 only if nothing was missed or started twice
  --kill-leader  kill the leading process (SIGKILL) after that long; another one replaces it five seconds later
  --nodes        how many nodes, 1 to 9 (default 3)

Ctrl-C stops the nodes, shows the summary and leaves nothing behind.`;

/** @throws Error that says which argument is wrong */
export function readOptions(args: readonly string[]): LiveOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { for: { type: "string" }, "kill-leader": { type: "string" }, nodes: { type: "string" } },
  });
  const time = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseDuration(text);
  const nodes = Number(values.nodes ?? 3);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9)
    throw new Error("--nodes takes a number from 1 to 9.");
  return { runFor: time(values.for), killLeader: time(values["kill-leader"]), nodes };
}
