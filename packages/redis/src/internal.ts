// For Escapement's own packages.
export { keysOfNodes, neededCommands, nodeCommands, readingCommands, writingCommands } from "./acl.js";
export {
  Connection,
  type ConnectionProfile,
  type ConnectOptions,
  connect,
  type RedisClient,
} from "./connection.js";
export { checkEncryption } from "./encryption.js";
export { toRedisError } from "./errors.js";
export { createKeys, type Keys } from "./keys.js";
export { checkName, checkNamespace, show } from "./names.js";
export { reconnectDelay } from "./open-client.js";
export { partitionOf } from "./partition.js";
export { type Refusal, refusalIn, tryCommands, type Words } from "./permissions.js";
export { type Placed, PlaceList } from "./place-list.js";
export { checkReach } from "./reach.js";
export {
  defineScript,
  runPipeline,
  Script,
  type ScriptInput,
  type ScriptSpec,
  type ScriptValue,
} from "./script.js";
export { addressOf, kindOf, problemOf, type SourceProblem } from "./source.js";

/** Lua that scripts may include: `clock()`, the store's time, and `int()`. Needs the key `clock`. */
export const clockLua: URL = new URL("./lua/clock.lua", import.meta.url);
