import { cost } from "./cost.js";
import { count } from "./count.js";
import { fireTimes } from "./fire-times.js";
import { fireTimesMany } from "./fire-times-many.js";
import { fireTimesMemory } from "./fire-times-memory.js";
import { pausedIdle } from "./paused-idle.js";
import type { Work } from "./work.js";

/** All works, in the order in which they are done. A new one is a file in this folder and a line here. */
export const works: readonly Work[] = [fireTimes, fireTimesMany, fireTimesMemory, count, cost, pausedIdle];
