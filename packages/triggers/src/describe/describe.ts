import { readPlainObject } from "../input/plain-object.js";
import { parseTrigger } from "../parse-trigger.js";
import type { Trigger } from "../trigger.js";
import { describeCalendarInterval, describeDailyWindow, describeRecurring } from "./calendar-rules.js";
import { describeAllOf, describeAnyOf, describeExcept } from "./combined.js";
import { describeCron } from "./cron.js";
import { describeEvery, describeEveryRandom, describeOnce } from "./intervals.js";
import { english, findLanguage, type Language } from "./locale.js";
import { shorten } from "./words.js";

/** Options of {@link describe}. */
export interface DescribeOptions {
  /**
   * BCP 47 tag such as `"de"` or `"pt-BR"`. Default: English, also for a language that is not spoken. Other languages serve
   * cron triggers, and `daily`, `weekly` and `monthly` ones for which there is a cron expression; all else is English.
   */
  readonly locale?: string | undefined;
}

/**
 * Says in one short sentence when a trigger fires: `At 09:00, Monday through Friday (Europe/Berlin)`. A cron expression
 * that has no short and true sentence is quoted, and so is one with `H`
 * and no seed, whose times differ from job to job. At most 500
 * characters. May hold text of the trigger: escape it before showing it as markup.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses; `INVALID_ARGUMENT` for a locale that is no tag
 */
export function describe(trigger: Trigger, options: DescribeOptions = {}): string {
  const given = readPlainObject(options, ["locale"], "the options of describe");
  const language = findLanguage(given.get("locale"));
  return shorten(describeParsed(parseTrigger(trigger), language));
}

function describeParsed(trigger: Trigger, language: Language): string {
  switch (trigger.type) {
    case "cron":
      return describeCron(trigger, language);
    case "daily":
    case "weekly":
    case "monthly":
      return describeRecurring(trigger, language);
    case "every":
      return describeEvery(trigger);
    case "everyRandom":
      return describeEveryRandom(trigger);
    case "once":
      return describeOnce(trigger);
    case "calendarInterval":
      return describeCalendarInterval(trigger);
    case "dailyWindow":
      return describeDailyWindow(trigger);
    case "anyOf":
      return describeAnyOf(trigger, describeMember);
    case "allOf":
      return describeAllOf(trigger, describeMember);
    case "except":
      return describeExcept(trigger, describeMember);
  }
}

/** In English, so that the whole sentence is of one language. */
function describeMember(trigger: Trigger): string {
  return describeParsed(trigger, english);
}
