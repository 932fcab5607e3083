import { readFileSync } from "node:fs";
import { createKeys } from "@escapement/redis/internal";
import { describe, expect, test } from "vitest";
import { kindOf, kinds, placeOf } from "./kinds.js";

const { prefix, ...keys } = createKeys("any");
/** As the table has them: what follows the prefix, of those with a name in them up to the colon. */
const named = Object.values<string | ((...parts: never[]) => string)>(keys)
  .map((key) => (typeof key === "string" ? key : (key as (one: string, two: string) => string)("name", "1")))
  .map((key) => key.slice(prefix.length).replace(/:name.*$/, ":"));

describe("the kinds of keys that a move knows", () => {
  test("are those that there are: whoever adds one has to say what becomes of it", () => {
    const layout = readFileSync(new URL("../../../../docs/redis-layout.md", import.meta.url), "utf8");
    const table = layout.slice(layout.indexOf("## Keys"), layout.indexOf("## Run ids"));
    const rows = [...table.matchAll(/^\| `([a-z-]+:?)[^`|]*` \| ([^|]+) \|/gm)].filter(
      ([, , type]) => type !== "channel",
    );
    const written = rows.map(([, name = ""]) => name);
    expect(written.length).toBeGreaterThan(50);
    expect([...new Set([...named, ...written])].filter((name) => kinds[name] === undefined)).toEqual([]);
    expect(Object.keys(kinds).filter((name) => !named.includes(name) && !written.includes(name))).toEqual([]);
  });

  test("tell keys apart whose names begin alike", () => {
    expect(kindOf("ready")).toEqual({ kind: "derived", type: "ready", name: "" });
    expect(kindOf("ready:a:b@c")).toEqual({ kind: "members", type: "ready:", name: "a:b@c" });
    expect(kindOf("result:a")?.kind).toBe("whole");
    expect(kindOf("results:a")?.kind).toBe("owner");
    expect([kindOf("readies"), kindOf("jobs:a"), kindOf("constructor"), kindOf("")]).toEqual(
      Array.from({ length: 4 }, () => undefined),
    );
  });

  test("send all that is of a job or run to one place", () => {
    for (const texts of [
      [
        "a/b",
        "a/b@",
        "a/b@1767225600000",
        "a/b@1-abcdefgh",
        "a/b@1#2",
        "a/b@1767225600000 parent",
        ">a/b c d",
        "<a/b c t",
      ],
      ["run-1", "run-1#2"],
    ])
      expect(new Set(texts.map((text) => placeOf(text, 256))).size).toBe(1);
    expect(new Set(Array.from({ length: 100 }, (_, at) => placeOf(`job-${at}`, 8))).size).toBe(8);
  });
});
