/** Reads offsets from the runtime's time zone database, slowly. */
export interface OffsetReader {
  /** The zone's name as the database has it. */
  readonly canonicalName: string;
  /** Wall clock minus UTC at an instant, in ms. */
  offsetAt(instant: number): number;
}

const zoneName = /^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/;
const day = 86_400_000;

/** Opens a zone by its name; `null` if there is none of that name. The only use of `Intl` for fire times. */
export function openOffsetReader(name: string): OffsetReader | null {
  const format = createFormat(name);
  if (format === null) return null;
  return {
    canonicalName: format.resolvedOptions().timeZone,
    offsetAt: (instant) => {
      // "31, 23:59:59". No wall clock is a whole day from UTC, so that the day of the month tells before, same or after.
      const shown = format.format(instant);
      const wallDay = number(shown, 0, shown.length - 10);
      const seconds =
        number(shown, shown.length - 8, 2) * 3600 +
        number(shown, shown.length - 5, 2) * 60 +
        number(shown, shown.length - 2, 2);
      const difference = wallDay - new Date(instant).getUTCDate();
      const days = difference === 0 ? 0 : difference === 1 || difference < -1 ? 1 : -1;
      const time = Math.floor(instant / 1000) * 1000;
      return days * day + seconds * 1000 - (time - Math.floor(time / day) * day);
    },
  };
}

/** The number that some digits of a text make. */
function number(text: string, start: number, length: number): number {
  let value = 0;
  for (let index = start; index < start + length; index += 1)
    value = value * 10 + text.charCodeAt(index) - 48;
  return value;
}

function createFormat(name: string): Intl.DateTimeFormat | null {
  if (!zoneName.test(name)) return null;
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      // The fewest fields that tell an offset: each costs time.
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  } catch {
    return null;
  }
}
