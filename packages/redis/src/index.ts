// For users of a single package: errors and where a Redis is.
export { type AclOptions, type AclRole, aclRoles, aclRules } from "./acl.js";
export { assertUsable, type CheckOptions, type CheckResult, checkServer } from "./checks.js";
export type { RedisClient, RedisSource } from "./connection.js";
export { EscapementError, isTransient, RedisError, type RedisErrorCode } from "./errors.js";
export { parseRedisUrl, redactRedisUrl } from "./url.js";
