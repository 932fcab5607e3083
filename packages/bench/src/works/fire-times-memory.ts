import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ours, peers } from "../contestants.js";
import { figure, table } from "../table.js";
import type { Work } from "./work.js";

const kept = 10_000;

/** What a node keeps for each job whose fire times it knows. */
export const fireTimesMemory: Work = {
  name: "fire-times-memory",
  about: "heap bytes for what is kept of a cron expression, beside croner and cron-parser",
  run: async () => {
    const bytes = ["distinct", "same"].flatMap((sort) =>
      [ours, ...peers].map(({ name }) => ({
        contestant: name,
        expressions: sort,
        kept,
        bytesEach: measure(name, sort),
      })),
    );
    const rows = [ours, ...peers].map(({ name }) => [
      name,
      ...["distinct", "same"].map((sort) =>
        figure(bytes.find((row) => row.contestant === name && row.expressions === sort)?.bytesEach),
      ),
    ]);
    const head = [`heap bytes each, of ${kept.toLocaleString("en-US")}`, "distinct expressions", "the same"];
    return { lines: table(head, rows), figures: { bytes } };
  },
};

/** In a process of its own, where nothing else is in the heap and it can be swept. */
function measure(contestant: string, sort: string): number {
  const main = join(import.meta.dirname, "../memory-main.js");
  const args = ["--expose-gc", main, contestant, sort, String(kept)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Measuring the memory of ${contestant} failed: ${stderr}`);
  return Number(stdout);
}
