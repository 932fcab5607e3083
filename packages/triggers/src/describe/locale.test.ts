import cronstrue from "cronstrue/dist/cronstrue-i18n.js";
import { expect, test } from "vitest";
import { cronstrueLocales } from "./locale.js";

test("the languages listed are the ones that cronstrue speaks", () => {
  // What the default import is, the module or its default export, depends on who loads it.
  const locales: unknown = "locales" in cronstrue ? cronstrue.locales : cronstrue.default.locales;
  expect(Object.keys(Object(locales)).sort()).toEqual([...cronstrueLocales].sort());
});
