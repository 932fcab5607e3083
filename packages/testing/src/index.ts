// Servers, and what can happen to them:

export { type CertificateOptions, type Certificates, createCertificates } from "./certificates.js";
export type { Cluster, ClusterFailover } from "./cluster.js";
export { type JobStore, onEach, type StoreClient, startJobStore } from "./job-store.js";
export type { MigrateOptions } from "./migrate-slot.js";
export type { RedisUser, StartRedisOptions } from "./redis-options.js";
export type { RedisServer } from "./redis-server.js";
export { type RedisWay, redisWay } from "./redis-way.js";
export type { Sentinel } from "./sentinel.js";
export { type StartClusterOptions, startCluster } from "./start-cluster.js";
export { startRedis } from "./start-redis.js";
export { type StartSentinelOptions, startSentinel } from "./start-sentinel.js";
export { startVoters, type Voters } from "./voters.js";

// What tests need around them:

export { TestingError, type TestingErrorCode } from "./errors.js";
export { type EventuallyOptions, eventually, type Unambiguous } from "./eventually.js";
export { guardedFolder, removeFolder } from "./guard.js";
export { canMoveClocks, type MovedClock, movedClock } from "./moved-clock.js";
export { uniqueNamespace } from "./namespace.js";
export { processState } from "./process-state.js";
export { type Latency, type ProxyOptions, startProxy, type TcpProxy } from "./proxy.js";
export type { ArmedCut } from "./proxy-cut-after.js";
export type { Traffic } from "./proxy-lane.js";
export {
  type ProcessExit,
  type StartProcessOptions,
  startProcess,
  type TestProcess,
} from "./test-process.js";
