import { expect, test } from "vitest";
import { partitionOf, partitionOfKey, partitionOfRun, prefixOf } from "./partitions.js";

test("a job lives where its slot says, and so do its runs", () => {
  // CLUSTER KEYSLOT 123456789 answers 12739.
  expect(partitionOf("123456789", 8)).toBe(12_739 % 8);
  expect(partitionOf("123456789", 3)).toBe(12_739 % 3);
  expect(partitionOf("123456789", 1)).toBe(0);
  for (const run of ["123456789", "123456789@1000000000000", "123456789@1000000000000-abcdefgh"])
    expect(partitionOfRun(run, 8)).toBe(3);
});

test("a key says of which partition it is", () => {
  for (const partition of [0, 1, 12])
    expect(partitionOfKey(`DEL ${prefixOf("a-b", partition)}leader answered 1`)).toBe(partition);
  expect(prefixOf("a", 0)).toBe("escapement:{a}:");
});
