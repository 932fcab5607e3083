// `npm run audit`: the licences of everything that users install with the packages, what may run at install, and known vulnerabilities. The
// last asks the registry, and fails where that cannot be asked.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { pnpm, top } from "./run.mjs";

/** Licences under which anything may be used with this one. */
const allowed = new Set([
  ...["Apache-2.0", "MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0", "Unlicense"],
]);

/** Whether all licences can be used; names those that cannot. */
async function licencesAreFine() {
  const { packageManager } = JSON.parse(readFileSync(join(top, "package.json"), "utf8"));
  const args = ["--yes", "--prefer-offline", packageManager, "licenses", "list", "--prod", "--json"];
  const { stdout } = await promisify(execFile)("npx", args, { cwd: top, maxBuffer: 2 ** 26 });
  /** @type {Record<string, { name: string }[]>} */
  const byLicence = JSON.parse(stdout);
  for (const [licence, packages] of Object.entries(byLicence)) {
    const names = packages.map(({ name }) => name).join(", ");
    console.log(
      `${allowed.has(licence) ? "ok     " : "not known"} ${licence}: ${packages.length} packages (${names})`,
    );
  }
  return Object.keys(byLicence).every((licence) => allowed.has(licence));
}

/** Whether no package may run anything of its own when it is installed: pnpm runs nothing that is not listed. */
function nothingRunsAtInstall() {
  const settings = ["pnpm-workspace.yaml", ".npmrc", "package.json"].map((file) =>
    readFileSync(join(top, file), "utf8"),
  );
  return !settings.some((text) =>
    /onlyBuiltDependencies|dangerouslyAllowAllBuilds|dangerously-allow-all-builds/.test(text),
  );
}

const licences = await licencesAreFine();
const installs = nothingRunsAtInstall();
console.log(
  installs ? "ok      no package runs anything at install" : "not ok  some packages may run code at install",
);
const vulnerabilities = await pnpm(["audit", "--prod"]);
if (!licences || !installs || vulnerabilities !== 0) process.exitCode = 1;
