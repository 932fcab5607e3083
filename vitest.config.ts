import { readdirSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Tests run on the sources: each `@escapement/<name>` is its src folder, so that no stale build is ever tested.
// (Tests that start processes of their own run the build, which `npm test` makes first.)
const packages = readdirSync(join(import.meta.dirname, "packages"));
const source = (name: string, file: string): string =>
  join(import.meta.dirname, "packages", name, "src", file);

// All suites hold for a namespace of several partitions, too: what is about one alone says so by `partitions: 1`. And on a Redis Cluster of as many masters
// as ESCAPEMENT_TEST_CLUSTER says: what is about one server alone takes `startRedis`, all else `startJobStore`. `npm run test:cluster` does both.
const partitions = process.env["ESCAPEMENT_TEST_PARTITIONS"];

export default defineConfig({
  resolve: {
    alias: packages.flatMap((name) => [
      { find: `@escapement/${name}/internal`, replacement: source(name, "internal.ts") },
      { find: new RegExp(`^@escapement/${name}$`), replacement: source(name, "index.ts") },
    ]),
  },
  test: {
    include: ["packages/*/src/**/*.test.ts"],
    // Two cores share Redis, the nodes and the tests; more files at once only make timing worse.
    maxWorkers: 2,
    // Real processes on a shared machine now and then miss a deadline; what fails twice in a row is a fault. Not where people
    // look: there a test that is not steady should show.
    ...(partitions !== undefined && { env: { ESCAPEMENT_PARTITIONS: partitions } }),
    retry: process.env["CI"] === undefined ? 0 : 1,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
