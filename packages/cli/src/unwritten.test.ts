import { existsSync } from "node:fs";
import { startProcess } from "@escapement/testing";
import { expect, test, vi } from "vitest";
import { bin } from "../test/escapement.js";

vi.setConfig({ testTimeout: 90_000 });

const full = "/dev/full"; // each write to it fails, as on a full disk; Linux has it

test.skipIf(!existsSync(full))("output that cannot be written is a failure, not a short file", async () => {
  await using asked = await startProcess("sh", ["-c", `"${process.execPath}" "${bin}" --help > ${full}`], {});
  expect(await asked.exited).toEqual({ code: 1, signal: null });
  expect(asked.errorLines).toEqual([
    expect.stringMatching(/^escapement: The output was not written: ENOSPC/),
  ]);
});
