import { InvalidArgumentError } from "commander";

const written =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?(?: ?(Z|UTC|[+-]\d\d:\d\d))?$/;

/**
 * Reads a date as people and other programs write it: `2026-11-21`, `2026-11-21 14:00`, `2026-11-21T14:00:30.500`, of this machine's time
 * zone, or with `Z`, `UTC` or an offset such as `+01:00` behind it.
 *
 * @throws InvalidArgumentError for what is no date, or a time that the zone's clock skips
 */
export function date(text: string): Date {
  const parts = written.exec(text);
  const [year, month, day, hour, minute, second, ms] = (parts ?? [])
    .slice(1, 8)
    .map((part) => Number((part ?? "0").padEnd(part !== undefined && part === parts?.[7] ? 3 : 1, "0")));
  const fields = [
    year ?? 0,
    (month ?? 0) - 1,
    day ?? 0,
    hour ?? 0,
    minute ?? 0,
    second ?? 0,
    ms ?? 0,
  ] as const;
  const wall = new Date(Date.UTC(...fields));
  if (parts === null || !says(wall, fields))
    throw new InvalidArgumentError(
      'Give a date such as "2026-11-21 14:00" (this machine\'s time zone) or 2026-11-21T14:00:00Z.',
    );
  const zone = parts[8];
  if (zone !== undefined) return new Date(wall.getTime() - offsetIn(zone) * 60_000);
  const local = new Date(...fields);
  if (local.getHours() !== fields[3] || local.getMinutes() !== fields[4])
    throw new InvalidArgumentError(
      `There is no such time in ${zoneName()}: its clocks are put forward then.`,
    );
  return local;
}

/** JavaScript makes March 2 of a February 30: such a date is none. */
function says(wall: Date, [, month, day, hour, minute, second]: readonly number[]): boolean {
  return (
    wall.getUTCMonth() === month &&
    wall.getUTCDate() === day &&
    wall.getUTCHours() === hour &&
    wall.getUTCMinutes() === minute &&
    wall.getUTCSeconds() === second
  );
}

/** Minutes. */
function offsetIn(zone: string): number {
  const [hours, minutes] = zone.slice(1).split(":").map(Number);
  if (hours === undefined || minutes === undefined || Number.isNaN(hours)) return 0;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

/** This machine's time zone, as `Europe/Berlin`. */
export function zoneName(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/**
 * A date as people are shown it, and as {@link date} reads it: `2026-11-21 14:00:00+01:00`, by this machine's clock; `Z` for UTC. Milliseconds
 * only if there are any.
 */
export function shownDate(at: Date | undefined): string {
  if (at === undefined) return "-";
  if (Number.isNaN(at.getTime())) return "?";
  const offset = -at.getTimezoneOffset();
  const wall = new Date(at.getTime() + offset * 60_000).toISOString();
  const ms = at.getMilliseconds() === 0 ? "" : wall.slice(-5, -1);
  return `${wall.slice(0, -14).replace("T", " ")} ${wall.slice(-13, -5)}${ms}${shownOffset(offset)}`;
}

/** The same always with milliseconds, for what happened at an instant of its own. */
export function shownExact(at: Date | undefined): string {
  if (at === undefined || at.getMilliseconds() !== 0) return shownDate(at);
  return shownDate(at).replace(/:\d\d(?=Z|[+-])/, "$&.000");
}

/** The same to the second. */
export function shownSecond(at: Date | undefined): string {
  return at === undefined ? "-" : shownDate(new Date(Math.floor(at.getTime() / 1000) * 1000));
}

/** The same to the minute and without the offset, for tables that name the zone once. */
export function shownMinute(at: Date | undefined): string {
  return at === undefined ? "-" : shownDate(at).slice(0, 16);
}

function shownOffset(minutes: number): string {
  if (minutes === 0) return "Z";
  const both = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "-" : "+"}${both.map((part) => String(part).padStart(2, "0")).join(":")}`;
}
