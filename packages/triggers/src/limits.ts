/** The longest cron expression, in characters. */
export const maxExpressionLength: number = 1024;

/** The most instants in a `once`. */
export const maxInstants: number = 10_000;

/** The longest interval, in ms: a hundred years of 365.25 days. */
export const maxInterval: number = 100 * 365.25 * 86_400_000;

/** The most fire times that one call lists or steps through. */
export const maxListed: number = 100_000;

/** How far a cron trigger counts by default before it answers "at least so many". */
export const defaultCountLimit: number = 10_000;

/** The first instant there is for triggers: 1900-01-01T00:00:00Z in ms. */
export const minInstant: number = Date.UTC(1900, 0, 1);

/** The last instant there is for triggers: the end of the year 9999, UTC, in ms. */
export const maxInstant: number = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
