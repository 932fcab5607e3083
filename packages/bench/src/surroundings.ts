import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, cpus, platform, totalmem } from "node:os";
import { dirname, join } from "node:path";

/** Where figures were taken: without it they say nothing. */
export interface Surroundings {
  /** ISO 8601. */
  readonly date: string;
  readonly node: string;
  readonly icu: string;
  readonly timeZoneData: string;
  readonly machine: { platform: string; arch: string; cpu: string; cores: number; memoryGiB: number };
  readonly packages: Readonly<Record<string, string>>;
}

/** Reads where this runs, and which versions of the contestants. */
export function surroundings(packages: readonly string[]): Surroundings {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    icu: process.versions["icu"] ?? "",
    timeZoneData: process.versions["tz"] ?? "",
    machine: {
      platform: platform(),
      arch: arch(),
      cpu: cpu?.model ?? "",
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    packages: Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
  };
}

/** From the package.json above the package's entry: most packages do not export it. */
function versionOf(name: string): string {
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  while (folder !== dirname(folder)) {
    try {
      const read: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (isPackage(read) && read.name === name) return read.version;
    } catch {
      // Not here: further up.
    }
    folder = dirname(folder);
  }
  return "unknown";
}

function isPackage(value: unknown): value is { name: string; version: string } {
  return typeof value === "object" && value !== null && "name" in value && "version" in value;
}
