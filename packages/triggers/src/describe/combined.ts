import type { AllOfTrigger, AnyOfTrigger, Calendar, ExceptTrigger, Trigger } from "../trigger.js";
import { quoteExpression } from "./cron.js";
import { duration, list, shorten, weekdays } from "./words.js";

// So that the whole stays a sentence: how many members are named, and how long each may be.
const maxMembers = 5;
const maxMemberLength = 160;

/** Describes a trigger within another one. */
export type DescribeMember = (trigger: Trigger) => string;

/** `A; or B`. */
export function describeAnyOf({ triggers }: AnyOfTrigger, member: DescribeMember): string {
  return join(triggers, "or", member);
}

/** `When all of these do: A; and B`. */
export function describeAllOf({ triggers, tolerance }: AllOfTrigger, member: DescribeMember): string {
  const within = tolerance ? ` within ${duration(tolerance)}` : "";
  return triggers.length === 1
    ? join(triggers, "and", member)
    : `When all of these do${within}: ${join(triggers, "and", member)}`;
}

/** `A, except on Saturday and Sunday`. */
export function describeExcept({ trigger, calendar }: ExceptTrigger, member: DescribeMember): string {
  const zone = calendar.timezone === undefined ? "" : ` (${calendar.timezone})`;
  return `${shorten(nested(trigger, member), 2 * maxMemberLength)}, except ${excluded(calendar)}${zone}`;
}

function excluded(calendar: Calendar): string {
  switch (calendar.type) {
    case "dates":
      return `on ${list(calendar.dates, "days")}`;
    case "weekdays":
      return `on ${weekdays(calendar.days) || "each day"}`;
    case "annual":
      return `each year on ${list(calendar.days, "days")}`;
    case "cron":
      return `on ${quoteExpression(calendar.expr)}`;
    case "window":
      return `from ${calendar.from} to ${calendar.to}`;
  }
}

function join(triggers: readonly Trigger[], word: "and" | "or", member: DescribeMember): string {
  const rest = triggers.length - maxMembers;
  const named = triggers
    .slice(0, maxMembers)
    .map((trigger) => shorten(nested(trigger, member), maxMemberLength));
  if (rest > 0) return `${named.join("; ")}; ${word} ${rest} more`;
  return [...named.slice(0, -2), named.slice(-2).join(`; ${word} `)].join("; ");
}

/** A combination within a combination stands in brackets: `;` alone would not tell which part belongs where. */
function nested(trigger: Trigger, member: DescribeMember): string {
  switch (trigger.type) {
    case "anyOf":
      return `[any of ${trigger.triggers.length} triggers]`;
    case "allOf":
      return `[all of ${trigger.triggers.length} triggers]`;
    case "except":
      return `[${member(trigger)}]`;
    default:
      return member(trigger);
  }
}
