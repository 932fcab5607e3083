import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { guardedFolder, removeFolder } from "@escapement/testing";

/** The packages that a node's process is made of. */
const parts = ["redis", "triggers", "elector", "locker", "core", "testing", "chaos"] as const;

const packages = fileURLToPath(new URL("../../../", import.meta.url));

/** A copy of what was built. */
export interface CopiedBuild extends AsyncDisposable {
  /** The program of a node, for `TrialOptions.processOf`. */
  readonly program: string;
  /** The files whose text is another one than in the original, by the paths that `change` was given. */
  readonly changed: readonly string[];
  /** Removes the copy. It goes with this process at the latest, however that ends. */
  remove(): Promise<void>;
}

/**
 * Copies the built packages to a temporary folder and changes what they are made of, so that nodes of another version, or of a broken one, can
 * run beside those of this one.
 *
 * @param change is given each file's path below `packages/`, such as `core/dist/scripts/claim.lua`, and its text, and gives the text that
 *   the copy is to have. It gets compiled code, scripts and each `package.json`; may throw, and nothing is left then
 */
export async function copyBuild(change: (path: string, text: string) => string): Promise<CopiedBuild> {
  const folder = await guardedFolder("build");
  const remove = (): Promise<void> => removeFolder(folder);
  const changed: string[] = [];
  try {
    await symlink(join(packages, "../node_modules"), join(folder, "node_modules"));
    for (const part of parts) {
      for (const path of await filesOf(part)) {
        const text = await readFile(join(packages, path), "utf8");
        const other = change(path, text);
        if (other !== text) changed.push(path);
        const target = join(folder, "packages", path);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, other);
      }
      await linkDependencies(part, join(folder, "packages", part));
    }
  } catch (error) {
    await remove();
    throw error;
  }
  const program = join(folder, "packages/chaos/dist/nodes/node-main.js");
  return { program, changed, remove, [Symbol.asyncDispose]: remove };
}

async function filesOf(part: string): Promise<string[]> {
  const built = await readdir(join(packages, part, "dist"), { recursive: true });
  const needed = built.filter((file) => /\.(js|lua)$/.test(file)).map((file) => `${part}/dist/${file}`);
  return [`${part}/package.json`, ...needed.sort()];
}

/** The installer's links are relative: copied as they are they lead to the copies of our packages, and to the originals of all others. */
function linkDependencies(part: string, copy: string): Promise<void> {
  return cp(join(packages, part, "node_modules"), join(copy, "node_modules"), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => basename(path) !== ".bin",
  });
}
