import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProcess, type TestProcess } from "@escapement/testing";

/** The built command. */
export const bin: string = fileURLToPath(new URL("../bin/escapement.js", import.meta.url));

/** Over how many partitions the environment says that a namespace is spread. */
export const partitions: number = Number(process.env["ESCAPEMENT_PARTITIONS"] ?? 1);

type Env = Readonly<Record<string, string | undefined>>;

/** What a command that has ended said. */
export interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts the built command as a process of its own. */
export function start(args: readonly string[], env: Env): Promise<TestProcess> {
  return startProcess(process.execPath, [bin, ...args], { env });
}

/** Runs the built command to its end. */
export async function escapement(args: readonly string[], env: Env): Promise<Said> {
  await using started = await start(args, env);
  const { code } = await started.exited;
  return { code, out: started.lines.join("\n"), err: started.errorLines.join("\n") };
}

/** Runs it with `--json` and reads what it says. */
export async function asJson<T>(args: readonly string[], env: Env): Promise<T> {
  const { out } = await escapement([...args, "--json"], env);
  return JSON.parse(out) as T;
}

/** A folder with some files, removed with `using`. */
export function folderWith(
  files: Readonly<Record<string, string>>,
): Disposable & { path(name: string): string } {
  const folder = mkdtempSync(join(tmpdir(), "escapement-cli-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return {
    path: (name) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
