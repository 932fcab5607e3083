// For Escapement's own packages and their tests.
export { type Plan, planFireTimes } from "./catch-up.js";
export { version } from "./version.js";
