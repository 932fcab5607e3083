import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileTrigger, cron } from "../index.js";
import { fuzzTimeout } from "./fuzz-flag.test-util.js";
import { outcomes, runs, useText, watchOutcomes } from "./hostile.test-util.js";

watchOutcomes();

const grammar = [
  ..."0123456789*,-/#?LWH()@:= ",
  "MON",
  "JAN",
  "CRON_TZ=",
  "@every ",
  "*/",
  "\u0000",
  "\ud800",
  "¹",
];
const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

describe("hostile texts are refused with InvalidTriggerError or understood", () => {
  it(
    "random texts up to 10 KB, lone surrogates among them",
    () => {
      fc.assert(fc.property(fc.string({ unit, maxLength: 10_240 }), useText), runs);
      expect(outcomes.refused).toBeGreaterThan(runs.numRuns);
    },
    fuzzTimeout,
  );

  it(
    "random texts in the letters of cron",
    () => {
      fc.assert(
        fc.property(fc.array(fc.constantFrom(...grammar), { maxLength: 60 }), (parts) =>
          useText(parts.join("")),
        ),
        runs,
      );
      const field = fc.array(fc.constantFrom(...grammar.filter((part) => !part.includes(" "))), {
        maxLength: 8,
      });
      const fields = fc.array(field, { minLength: 5, maxLength: 7 });
      fc.assert(
        fc.property(fields, (of) => useText(of.map((parts) => parts.join("")).join(" "))),
        runs,
      );
    },
    fuzzTimeout,
  );

  it.each([
    ["a blank one", [""]],
    [
      "huge steps and numbers",
      ["*/99999999999999999999 * * * *", `${"9".repeat(1000)} * * * *`, "0/1e9 * * * *"],
    ],
    ["a list of 10,000 items", [`${Array.from({ length: 10_000 }, (_, n) => n % 60).join(",")} * * * *`]],
    [
      "a list as long as allowed",
      [`${Array.from({ length: 330 }, (_, n) => n % 60).join(",")} * * * *`.slice(0, 1024)],
    ],
    ["10,000 fields", ["* ".repeat(10_000)]],
    [
      "many spaces and brackets",
      [`${" ".repeat(5000)}* * * * *`, `H${"(".repeat(900)} * * * *`, "(".repeat(10_240)],
    ],
    [
      "many dashes, slashes and hashes",
      ["-".repeat(1000), "/".repeat(1000), "#".repeat(1000), `1${"-1".repeat(500)}`],
    ],
    ["nested macros", [`@every ${"@every ".repeat(100)}`, "@every @daily", `@every ${"1h".repeat(5000)}`]],
    [
      "prefixes without end",
      ["CRON_TZ=UTC ".repeat(80), `TZ=${"A/".repeat(500)} * * * * *`, "CRON_TZ= * * * * *"],
    ],
    ["digits of other scripts", ["٣ * * * *", "１ * * * *", "¹ * * * *", "𝟛 * * * *"]],
    [
      "names of properties",
      ["__proto__", "constructor", "toString * * * *", "* * * __proto__ *", "@__proto__", "@constructor"],
    ],
  ])("%s", (_name, texts) => {
    const done = outcomes.refused + outcomes.answered;
    for (const text of texts) useText(text);
    expect(outcomes.refused + outcomes.answered).toBeGreaterThan(done + texts.length);
  });

  it("T6: H without a seed and without a job is the same at each parse", () => {
    const texts = ["H H * * *", "H(0-29)/10 H H * *", "H H H * * H"];
    for (const text of texts) {
      const times = Array.from({ length: 20 }, () => compileTrigger(cron(text)).next(0));
      expect(new Set(times).size, text).toBe(1);
    }
  });

  it("T6: nothing blank fires each minute", () => {
    for (const blank of ["", " ", "\t\n", "\u0000", "\u3000"])
      expect(() => cron(blank)).toThrow(/cron|expression/i);
  });
});
