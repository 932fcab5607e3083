// Compiles the package in the working directory and lays its Lua scripts beside the compiled code that reads them.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

const tsc = join(import.meta.dirname, "../node_modules/.bin/tsc");
const { status } = spawnSync(tsc, ["-b", "tsconfig.json"], { stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

for (const file of readdirSync("src", { recursive: true })) {
  if (!String(file).endsWith(".lua")) continue;
  const target = join("dist", String(file));
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join("src", String(file)), target);
}
