import type { LeaderInfo } from "@escapement/core";
import type { Command } from "commander";
import { CliError, usageError } from "../cli-error.js";
import { type Client, withClient } from "../client.js";
import { milliseconds } from "../terminal/option-values.js";
import { shownDate } from "../terminal/output.js";
import { printableLine } from "../terminal/printable.js";
import { table } from "../terminal/table.js";

const footer = `
--resign asks the leader to let another node lead, and waits until one does. If
no other node can, the same one leads in a new term. Nothing is late by it: what
is due next is in the queue already. Exit code 1 if nobody leads, or the leader
has not changed within the time.

Examples:
  escapement leader
  escapement leader --resign --timeout 30s`;

interface LeaderOptions {
  readonly resign?: boolean;
  readonly timeout?: number;
}

/** Adds `leader`. */
export function addLeaderCommand(program: Command): void {
  program
    .command("leader")
    .description("the node that leads, of each partition; exit code 1 if none does")
    .option("--resign", "ask it to let another node lead, and wait until one does")
    .option("--timeout <duration>", "how long to wait for that (default: 10s)", milliseconds)
    .addHelpText("after", footer)
    .action((options: LeaderOptions, command: Command) => {
      if (options.timeout !== undefined && !options.resign)
        throw usageError("USAGE", "--timeout needs --resign.");
      return withClient(command, (client) =>
        options.resign ? resign(client, options.timeout ?? 10_000) : showLeader(client),
      );
    });
}

async function showLeader(client: Client): Promise<void> {
  const { scheduler, output } = client;
  if (scheduler.partitions > 1) return showLeaders(client);
  const leader = existing(await scheduler.leader());
  if (output.json) output.value(leader);
  else output.text(inWords(leader));
}

/** Of each partition who leads it. */
async function showLeaders({ scheduler, output }: Client): Promise<void> {
  const leaders = await scheduler.leaders();
  existing(leaders[0]);
  if (leaders.length < scheduler.partitions) process.exitCode = 1;
  if (output.json) {
    output.value(leaders);
    return;
  }
  const rows = Array.from({ length: scheduler.partitions }, (_, partition) => {
    const leader = leaders.find((one) => one.partition === partition);
    if (leader === undefined) return [String(partition), "-", "-", "-"];
    return [String(partition), leader.node, String(leader.epoch), shownDate(leader.leaseUntil)];
  });
  output.text(table(["PARTITION", "LEADER", "TERM", "LEASE UNTIL"], rows));
}

async function resign({ scheduler, output }: Client, timeout: number): Promise<void> {
  const before = existing(await scheduler.leader());
  const leader = existing(await scheduler.resignLeader({ timeout }));
  const changed = leader.node !== before.node;
  if (output.json) output.value({ ...leader, before: before.node, changed });
  else output.text(changed ? inWords(leader) : `${inWords(leader)}: no other node took over`);
}

function existing(leader: LeaderInfo | undefined): LeaderInfo {
  if (leader !== undefined) return leader;
  throw new CliError(
    "NO_LEADER",
    "No node leads. Is one with the role leader running? An election takes seconds.",
  );
}

function inWords({ node, epoch, leaseUntil }: LeaderInfo): string {
  return `${printableLine(node)} leads in term ${epoch}, lease until ${shownDate(leaseUntil)}`;
}
