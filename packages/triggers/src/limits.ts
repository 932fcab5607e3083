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

/** The most triggers in one `anyOf` or `allOf`. */
export const maxCombined: number = 100;

/** How many fire times one computation looks at where it searches (`allOf`, `except`) before it says that there is none. */
export const maxSearchSteps: number = 5000;

/** The most that the fire times of an `allOf` may lie apart, in ms. */
export const maxTolerance: number = 86_400_000;

/** How many fire times of an `everyRandom` one computation goes on by: each hangs on the one before. */
export const maxRandomSteps: number = 50_000;

/** The most days in a calendar of dates. */
export const maxDates: number = 10_000;

/** How deep triggers may stand within each other. */
export const maxDepth: number = 16;

/** The most triggers within one, all in all. */
export const maxNested: number = 250;
