import { expect, test } from "vitest";
import { copyBuild } from "../builds/copy-build.js";
import { anotherVersion } from "./rolling-restart.js";

test("another version has other scripts, another default and more to say of a node, and is refused where it would not", async () => {
  await using copy = await copyBuild(anotherVersion);
  expect(copy.changed).toEqual(
    expect.arrayContaining([
      "core/dist/options.js",
      "core/dist/describe-node.js",
      "core/dist/scripts/claim.lua",
      "core/dist/scripts/of-nodes.js",
      "core/package.json",
    ]),
  );
  expect(() => anotherVersion("core/dist/options.js", "")).toThrow("core/dist/options.js has no");
});
