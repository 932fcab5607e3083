import {
  allOf,
  anyOf,
  calendar,
  calendarInterval,
  cron,
  daily,
  dailyWindow,
  every,
  except,
  monthly,
  once,
  type Trigger,
  weekly,
} from "@escapement/triggers";
import type { PlannedJob } from "./operations.js";

/** Jobs of all other kinds of triggers, each with fire times in the seconds from `begin` on. */
export function wallClockJobs(begin: number, duration: number): PlannedJob[] {
  const from = new Date(begin).toISOString();
  const second = Math.ceil(begin / 1000) * 1000;
  const moments = (every: number, first: number): number[] =>
    Array.from({ length: Math.ceil(duration / every) }, (_, index) => second + first + index * every);
  const times = (every: number, first: number): string[] =>
    moments(every, first).map((time) => new Date(time).toISOString().slice(11, 19));
  const zone = { timezone: "UTC" };
  const day = new Date(begin);
  const triggers: Readonly<Record<string, Trigger>> = {
    daily: daily({ at: times(3000, 1000), ...zone }),
    weekly: weekly({ on: [day.getUTCDay(), (day.getUTCDay() + 1) % 7], at: times(4000, 2000), ...zone }),
    monthly: monthly({
      on: [day.getUTCDate(), ((day.getUTCDate() + 1) % 28) + 1],
      at: times(5000, 1500),
      ...zone,
    }),
    yearly: calendarInterval({ days: 1, at: times(20_000, 8000)[0] ?? "00:00:00", from, ...zone }),
    window: dailyWindow({ from: "00:00:00", to: "23:59:59", every: "2s", ...zone }),
    dates: once(...moments(2500, 700).map((time) => new Date(time))),
    any: anyOf(every("3s", { from }), cron("*/5 * * * * *", zone)),
    both: allOf(cron("*/2 * * * * *", zone), cron("*/3 * * * * *", zone)),
    except: except(cron("* * * * * *", zone), calendar.cron("*/3 * * * * *", zone)),
  };
  return Object.entries(triggers).map(([name, trigger]) => ({
    id: `wall-${name}`,
    task: "chime",
    trigger,
    overlap: "allow",
    queue: "mail",
    input: { work: 15 },
  }));
}
