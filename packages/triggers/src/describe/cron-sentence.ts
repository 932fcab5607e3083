import cronstrue from "cronstrue/dist/cronstrue-i18n.js";
import {
  dayOfMonthText,
  dayOfWeekText,
  hourSpansText,
  hourText,
  monthText,
  sixtyText,
  yearText,
} from "./field-text.js";
import { anything, type FieldValues, type Sayable } from "./field-values.js";
import { english, type Language } from "./locale.js";

/**
 * Says what fields allow, by cronstrue, in a form of them that it says truthfully. Two day fields of which either will do
 * are joined with the language's "or".
 *
 * @returns `undefined` where the sentence would be long or wrong
 */
export function cronSentence(fields: Sayable, language: Language): string | undefined {
  const { dayOfMonth, dayOfWeek } = fields;
  if (dayOfMonth.full || dayOfWeek.full) {
    // Either of two fields, one of them with all days: each day.
    const days = fields.both ? {} : { dayOfMonth: anything, dayOfWeek: anything };
    return say({ ...fields, ...days }, language);
  }
  if (!fields.both) return sayEither(fields, language) ?? sayEither(fields, english);
  // What is no plain list is said without the word that would make it an "and".
  return dayOfWeek.specials.length > 0 ? undefined : say(fields, language);
}

function say(fields: Sayable, language: Language): string | undefined {
  const time = timeText(fields);
  const dayOfMonth = dayOfMonthText(fields.dayOfMonth);
  const month = monthText(fields.month);
  const dayOfWeek = dayOfWeekText(fields.dayOfWeek, !fields.dayOfMonth.full);
  const year = yearText(fields.year);
  if (!time || !dayOfMonth || !month || !dayOfWeek || !year) return undefined;
  try {
    // The default import is the module in Node and its default export in some bundlers: both have this function.
    return cronstrue
      .toString(`${time} ${dayOfMonth} ${month} ${dayOfWeek} ${year}`, {
        locale: language.name,
        use24HourTimeFormat: true,
        dayOfWeekStartIndexZero: true,
        logicalAndDayFields: true,
      })
      .trim();
  } catch {
    // It throws text for what it does not read.
    return undefined;
  }
}

function timeText({ second, minute, hour }: Sayable): string | undefined {
  const seconds = sixtyText(second);
  const minutes = sixtyText(minute);
  const oneSecond = isOne(second);
  // "Every 10 seconds, on the hour" is said of nothing that people would understand.
  if (!oneSecond && !minute.full) return undefined;
  const hours = oneSecond && isOne(minute) ? hourText(hour) : hourSpansText(hour);
  return seconds && minutes && hours ? `${seconds} ${minutes} ${hours}` : undefined;
}

function isOne({ values, full }: FieldValues): boolean {
  return values.length === 1 && !full;
}

/** "At 09:00, on day 13 of the month or on Friday": the parts in which the sentences with one day field each differ. */
function sayEither(fields: Sayable, language: Language): string | undefined {
  const always = { dayOfMonth: anything, dayOfWeek: anything, month: anything, year: anything };
  const time = say({ ...fields, ...always }, language);
  const part = (kept: Partial<Sayable>): string | undefined => {
    const sentence = say({ ...fields, ...always, ...kept }, language);
    return time && sentence?.startsWith(time) ? sentence.slice(time.length) : undefined;
  };
  const dayOfMonth = part({ dayOfMonth: fields.dayOfMonth });
  const dayOfWeek = part({ dayOfWeek: fields.dayOfWeek });
  const rest = part({ month: fields.month, year: fields.year });
  if (!dayOfMonth?.startsWith(", ") || !dayOfWeek?.startsWith(", ") || rest === undefined) return undefined;
  const days = [dayOfMonth, dayOfWeek].map((text) => text.slice(2).replace(/^only on /, "on "));
  return `${time}, ${new Intl.ListFormat(language.tag, { type: "disjunction" }).format(days)}${rest}`;
}
