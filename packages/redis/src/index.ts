// For users of a single package: errors and where a Redis is.
export { type AclOptions, type AclRole, aclRoles, aclRules } from "./acl.js";
export { assertUsable, type CheckOptions, type CheckResult, checkServer } from "./checks.js";
export type { ClusterAddress, ServerAddress } from "./cluster-address.js";
export type { RedisClient } from "./connection.js";
export { EscapementError, isTransient, RedisError, type RedisErrorCode } from "./errors.js";
export type { RedisSource } from "./source.js";
export { checkRedisUrl, parseClusterUrl, parseRedisUrl, redactRedisUrl } from "./url.js";
