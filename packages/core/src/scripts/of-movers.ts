// Scripts of whoever moves a namespace to another number of partitions. What each is handed, and what it answers.
import { clockLua, defineScript } from "@escapement/redis/internal";
import { file, foundingArgs } from "./shared.js";

const include = [file("lib/moving")];

/** The nodes that live there, of which there may be none. */
export const moveBegin = defineScript<string[]>()({
  name: "move-begin",
  version: 1,
  file: file("move-begin"),
  include: [clockLua],
  keys: ["meta", "nodes", "clock"],
  args: ["layout", "mark"],
});

/** 1. `values`: of each item how many values it has, and these. */
export const movePut = defineScript<number>()({
  name: "move-put",
  version: 1,
  file: file("move-put"),
  include,
  keys: ["meta", "target"],
  args: ["mark", "type", "keep", "reset", "offset", "ttl"],
  lists: { values: ["value"] },
});

/** 1 */
export const moveName = defineScript<number>()({
  name: "move-name",
  flag: "allow-oom",
  version: 1,
  file: file("move-name"),
  include,
  keys: ["meta", "gathered", "target"],
  args: ["mark", "type", "length", "ttl"],
});

/** 1 */
export const moveDrop = defineScript<number>()({
  name: "move-drop",
  flag: "allow-oom",
  version: 1,
  file: file("move-drop"),
  include,
  keys: ["meta", "target"],
  args: ["mark", "type"],
  lists: { members: ["member"] },
});

/** 1 */
export const moveEnd = defineScript<number>()({
  name: "move-end",
  flag: "allow-oom",
  version: 1,
  file: file("move-end"),
  include,
  keys: ["meta"],
  args: ["mark", ...foundingArgs],
});
