/**
 * A configuration file that says what a command line says: `--appendonly yes` becomes `appendonly "yes"`. Servers that change their own
 * configuration (sentinels, and whoever is told by them whom to follow) need a file to keep that in.
 */
export function configText(args: readonly string[]): string {
  const lines: string[][] = [];
  for (const arg of args) {
    if (arg.startsWith("--")) lines.push([arg.slice(2)]);
    else lines.at(-1)?.push(JSON.stringify(arg));
  }
  return lines.map((words) => `${words.join(" ")}\n`).join("");
}
