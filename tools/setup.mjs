// From a fresh clone to built packages: `npm run setup`. Installs only when the lock file has changed since the last time.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { pnpm, top } from "./run.mjs";

const lockFile = join(top, "pnpm-lock.yaml");
const stampFile = join(top, "node_modules/.escapement-installed");

/** Whether what is installed is what the lock file says, by the copy that the last install left. */
function isInstalled() {
  return existsSync(stampFile) && readFileSync(stampFile, "utf8") === readFileSync(lockFile, "utf8");
}

/**
 * Installs what is needed and builds all packages.
 *
 * @throws {Error} if either fails; what the tools said has been printed
 */
export async function setup() {
  if (!isInstalled()) {
    const startedAt = performance.now();
    console.log("Installing the packages (once)");
    if ((await pnpm(["install", "--frozen-lockfile", "--prefer-offline"], { show: false })) !== 0)
      throw new Error(
        "Installing failed. It needs Node 20.19 or later, and npm's registry for what npm has not cached.",
      );
    writeFileSync(stampFile, readFileSync(lockFile));
    console.log(`Installed in ${seconds(startedAt)}`);
  }
  const startedAt = performance.now();
  const build = ["exec", "turbo", "run", "build", "--output-logs=errors-only"];
  if ((await pnpm(build, { show: false })) !== 0) throw new Error("The build failed.");
  console.log(`Built in ${seconds(startedAt)}`);
}

/** @param {number} since */
function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await setup().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
