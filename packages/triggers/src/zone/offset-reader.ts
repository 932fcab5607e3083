/** Reads offsets from the runtime's time zone database, slowly. */
export interface OffsetReader {
  /** The zone's name as the database has it. */
  readonly canonicalName: string;
  /** Wall clock minus UTC at an instant, in ms. */
  offsetAt(instant: number): number;
}

const zoneName = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/;
const rendered = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/;

/** Opens a zone by its name; `null` if there is none of that name. The only use of `Intl` for fire times. */
export function openOffsetReader(name: string): OffsetReader | null {
  const format = createFormat(name);
  if (format === null) return null;
  return {
    canonicalName: format.resolvedOptions().timeZone,
    offsetAt: (instant) => {
      const [, month, day, year, hour, minute, second] =
        rendered.exec(format.format(instant))?.map(Number) ?? [];
      const wall = Date.UTC(year ?? Number.NaN, (month ?? 1) - 1, day, hour, minute, second);
      return wall - Math.floor(instant / 1000) * 1000;
    },
  };
}

function createFormat(name: string): Intl.DateTimeFormat | null {
  if (!zoneName.test(name)) return null;
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    return null;
  }
}
