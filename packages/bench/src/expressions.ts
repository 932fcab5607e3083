/** What people write, one of each sort; all contestants read each of them, and read it alike. */
export const expressions: readonly string[] = [
  "* * * * *",
  "*/5 * * * *",
  "0 * * * *",
  "0 9 * * *",
  "30 8,20 * * *",
  "0 9 * * 1-5",
  "0 0 1 * *",
  "0 12 1,15 * *",
  "0 0 29 2 *",
  "0 23 L * *",
  "0 10 * * 1#2",
  "0 18 * * 5L",
  "*/10 * * * * *",
  "30 0 6 * * *",
  "*/15 9-17 * * 1-5",
  "5-25/10,40 8-11,14-18 * * *",
  "0 0 1 1 *",
  "0 0 13 * 5",
  "0 0 1 */3 *",
  "15 2 * 3,10 0",
];

/** No offset such as `+05:30`: the peers do not take one. */
export const zones: readonly string[] = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
];

/** So many expressions, all different, of four sorts: daily, monthly, weekdays of a month, stretches of a working day. */
export function distinctExpressions(count: number): readonly string[] {
  const weeks = ["*", "1-5", "0,6", "1,3,5"];
  return Array.from({ length: count }, (_, index) => {
    const number = Math.floor(index / 4);
    const minute = number % 60;
    const hour = Math.floor(number / 60) % 24;
    const rest = Math.floor(number / 1440);
    switch (index % 4) {
      case 0:
        return `${rest % 60} ${minute} ${hour} * * *`;
      case 1:
        return `${minute} ${hour} ${(rest % 28) + 1} * *`;
      case 2:
        return `${minute} ${hour} * ${(rest % 12) + 1} ${Math.floor(rest / 12) % 7}`;
      default: {
        const first = hour % 12;
        const hours = `${first}-${first + 1 + (rest % 11)}`;
        const sort = Math.floor(rest / 11);
        const days = hour < 12 ? `* * ${weeks[sort % weeks.length]}` : `1-${15 + sort} * *`;
        return `${minute},${(minute + 30) % 60} ${hours} ${days}`;
      }
    }
  });
}
