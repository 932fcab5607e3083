// All that can happen next, in whatever order: a file for each protocol.
import { handlerSteps } from "./complete.js";
import type { World } from "./config.js";
import { exchangeSteps } from "./exchange.js";
import { lockSteps } from "./lock.js";
import { planSteps } from "./materialise.js";
import { pauseSteps } from "./pause.js";
import { lifeSteps } from "./recover.js";
import type { State } from "./state.js";
import type { Step } from "./step.js";
import { timeSteps } from "./time.js";
import { updateSteps } from "./update.js";

export function* stepsFrom(world: World, state: State): Iterable<Step> {
  yield* planSteps(world, state);
  yield* exchangeSteps(world, state);
  yield* lockSteps(world, state);
  yield* handlerSteps(world, state);
  yield* lifeSteps(world, state);
  yield* pauseSteps(world, state);
  yield* updateSteps(world, state);
  yield* timeSteps(world, state);
}
