// Scripts by which places of limits and rates go from partition to partition. What each is handed, and what it answers.
import { defineScript } from "@escapement/redis/internal";
import { calls, file, guards, libraries } from "./shared.js";

const include = [...calls, ...libraries("records", "lanes", "places", "lending", "waking")];

/**
 * In the home of a scope. `[now, state, history, whom to ask for places (partition, called), how many are needed, news (partition, text)]`; state: `served`, `waits`, `none`
 * in any partition, or `recount`: all others are to be asked first, and `history` handed in again.
 */
export const lend = defineScript<[string, string, string, string[], string, string[]]>()({
  name: "lend",
  version: 1,
  file: file("lend"),
  include,
  keys: guards,
  args: ["prefix", "partition", "scope", "how", "max", "per", "want", "asker", "history", "last"],
  lists: { reports: ["partition", "report"] },
});

/** In any other partition. `[now, what it has]` */
export const borrow = defineScript<[string, string]>()({
  name: "borrow",
  version: 1,
  file: file("borrow"),
  include,
  keys: guards,
  args: ["prefix", "scope", "max", "per", "news", "called", "need", "none"],
});
