import { type AclRole, aclRoles, aclRules } from "@escapement/core";
import { Argument, type Command } from "commander";
import { usageError } from "../cli-error.js";
import type { GlobalOptions } from "../client.js";
import { processOutput } from "../terminal/output.js";

const footer = `
Prints one line for redis-cli and asks no server: give --partitions where the
namespace has more than one. It leaves the user's password as it is, and a new
user off: ACL SETUSER <user> on >password. Roles:
  node      leads and runs tasks
  client    defines, triggers, cancels, pauses and reads
  observer  reads
  voter     a node at a server that only votes on locks
  operator  pauses and resumes by redis-cli: the keys pause:* and nothing else

Examples:
  escapement acl node --namespace billing | redis-cli
  escapement acl node --namespace billing --partitions 8 | redis-cli
  escapement acl operator --namespace billing --user oncall`;

/** Adds `acl`. */
export function addAclCommand(program: Command): void {
  program
    .command("acl")
    .description("the rules of a Redis user who may do what a role needs, and nothing else")
    .addArgument(new Argument("<role>").choices([...aclRoles]))
    .option("--user <name>", "the user's name (default: namespace and role)")
    .addHelpText("after", footer)
    .action((role: AclRole, { user }: { user?: string }, command: Command) => {
      const {
        namespace = "default",
        partitions = 1,
        json = false,
      } = command.optsWithGlobals<GlobalOptions>();
      const rules = aclRules({ namespace, role, partitions });
      const name = user ?? `${namespace}-${role}`;
      // It becomes part of a line that redis-cli reads.
      if (!/^[A-Za-z0-9_.:/-]{1,128}$/.test(name))
        throw usageError(
          "INVALID_NAME",
          "--user takes 1 to 128 characters, each one of A-Z a-z 0-9 _ . : / -",
        );
      const output = processOutput(json);
      if (json) output.value({ user: name, rules });
      else output.text(["ACL", "SETUSER", name, ...rules].join(" "));
    });
}
