import { crashRules } from "./crash-rules.js";
import { dayAway } from "./day-without-nodes.js";
import { frozenLeader, frozenOnlyNode, frozenStore } from "./freezes.js";
import { fullStore } from "./full-store.js";
import { leaderDeath } from "./leader-death.js";
import { leaderDeaths } from "./leader-deaths.js";
import { limitWaits } from "./limit.js";
import { lostReplies } from "./lost-replies.js";
import { nodeDeath } from "./node-death.js";
import { nodeDeaths } from "./node-deaths.js";
import { outage } from "./outage.js";
import { pauseKeys } from "./pause-keys.js";
import { pauseSurvives } from "./pause-survives.js";
import { redeploy } from "./redeploy.js";
import { redisRestart } from "./redis-restart.js";
import type { Scenario } from "./scenario.js";
import { storeAtBrink } from "./store-at-brink.js";
import { storeRollback, votersDown } from "./voters.js";

/** All scenarios, by the name that the command takes. */
export const scenarios: readonly Scenario[] = [
  leaderDeath,
  leaderDeaths,
  nodeDeath,
  nodeDeaths,
  redisRestart,
  votersDown,
  storeRollback,
  frozenOnlyNode,
  frozenLeader,
  frozenStore,
  outage,
  fullStore,
  storeAtBrink,
  lostReplies,
  limitWaits,
  redeploy,
  crashRules,
  pauseKeys,
  pauseSurvives,
  dayAway,
];
