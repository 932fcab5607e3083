// What differs from one run to the next becomes a stable text of the same width: ids, times, machines, processes.
import { hostname, userInfo } from "node:os";

// The page's day, which never comes again: the day on which the page is made would be a left-over. Fire times are at 06:30, and nothing else is; whatever happens,
// happens at 14:00.
const [firstFireDay, now] = [Date.UTC(2025, 10, 22), Date.UTC(2025, 10, 21, 14)];
const stamp = /\b(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d)(:\d\d)?(\.\d{3})?(Z)?/g;
const runId = /@(\d{13})(-[0-9A-Za-z]{8,9})?\b|\b0[0-9a-z]{12}[0-9A-Za-z]{8}\b/g;

/** Remembers which id became which, for one page. */
export class Normaliser {
  /** @type {Map<string, string>} */
  #known = new Map();
  /** @type {Map<string, string>} */
  #runs = new Map();
  #startedAt = Date.now();

  /** A text that is always shown as another one. @param {string} actual @param {string} shown */
  say(actual, shown) {
    this.#known.set(actual, shown);
  }

  /** @param {string} screen */
  page(screen) {
    return alignTables(screen, (line) => this.#line(line));
  }

  /** @param {string} line */
  #line(line) {
    let text = line;
    for (const [actual, shown] of this.#known) text = text.replaceAll(actual, shown);
    text = text
      .replace(runId, (id, at, suffix) => this.#run(id, at, suffix))
      .replace(stamp, (...parts) => this.#stamp(...parts));
    return (
      text
        .replace(/\([\d.]+ (s|min)\)/g, "(2 s)")
        .replace(/^(lateness +)[\d.]+ (ms|s|min)$/, "$15 ms")
        .replace(/(, )[\d.]+ (ms|s|min)$/, "$19 ms")
        .replace(/\btoken \d+/, "token 7")
        // One lease in a thousand ends at a whole second, which is written without ms.
        .replace(/(lease until \S+ \d\d:\d\d:\d\d)Z/, "$1.000Z")
        .replace(/\bprocess \d+/, "process 4711")
        .replace(/(Redis|Valkey) \d+\.\d+\.\d+/, "Redis 7.2.4")
        .replace(/\d+ MiB used/, "3 MiB used")
        .replace(/clock is \d+ ms (ahead of|behind)/, "clock is 0 ms ahead of")
    );
  }

  /** @param {string} id @param {string | undefined} at @param {string | undefined} suffix */
  #run(id, at, suffix) {
    // A fire time of the past that was asked for is the same each time.
    if (at !== undefined && Number(at) < Date.UTC(2026, 0))
      return `@${at}${suffix === undefined ? "" : "-backfill"}`;
    const known = this.#runs.get(id);
    if (known !== undefined) return known;
    const number = String(this.#runs.size + 1).padStart(2, "0");
    const shown =
      at === undefined
        ? `0mw000000000000000r${number}`
        : `@17637336000${number}${suffix === undefined ? "" : `-byhand${number}`}`;
    this.#runs.set(id, shown);
    return shown;
  }

  /** @type {(...parts: string[]) => string} */
  #stamp(text, day, gap, minute, second, ms, zone) {
    const year = Number(day?.slice(0, 4));
    if (text === undefined || day === undefined || year < 2026 || year >= 2030) return text ?? "";
    if (minute === "06:30") return text.replace(day, fireDay(day));
    // What is still to come, as the end of a pause, stays as far off as it is, to half an hour.
    const halves = Math.round((Date.parse(`${day}T${minute}:00Z`) - this.#startedAt) / 1_800_000);
    const at = new Date(now + Math.max(0, halves) * 1_800_000).toISOString();
    const rest = `${second === undefined ? "" : ":00"}${ms === undefined ? "" : ".000"}${zone ?? ""}`;
    return `${at.slice(0, 10)}${gap}${at.slice(11, 16)}${rest}`;
  }
}

/** The next fire time is tomorrow or today, depending on when the page is made: on the page it is tomorrow. @param {string} day */
function fireDay(day) {
  const next = new Date();
  if (next.getTime() >= Date.UTC(next.getUTCFullYear(), next.getUTCMonth(), next.getUTCDate(), 6, 30))
    next.setUTCDate(next.getUTCDate() + 1);
  const first = Date.parse(next.toISOString().slice(0, 10));
  return new Date(firstFireDay + Date.parse(day) - first).toISOString().slice(0, 10);
}

/** Columns whose texts are never the same. */
const always = { FOR: "2 s", LATE: "5 ms", IN: "16 h", "HOST:PID": "desk:4711" };

/**
 * Lays tables out anew, since their columns are as wide as what changed in them.
 *
 * @param {string} screen
 * @param {(line: string) => string} change
 */
function alignTables(screen, change) {
  /** @type {string[]} */
  const done = [];
  /** @type {{ starts: number[], rows: string[][], at: number[] } | undefined} */
  let open;
  const close = () => {
    if (open !== undefined)
      for (const [row, line] of laidOut(open.rows).entries()) done[open.at[row] ?? 0] = line;
    open = undefined;
  };
  for (const line of screen.split("\n")) {
    if (/^[A-Z]{2,}( {2,}[A-Z][A-Z: ]*)+$/.test(line)) {
      close();
      const starts = [...line.matchAll(/(?<=^| {2})[A-Z]/g)].map(({ index }) => index);
      open = { starts, rows: [cells(line, starts)], at: [done.length] };
      done.push("");
    } else if (open !== undefined && isRow(line, open.starts)) {
      const headings = open.rows[0] ?? [];
      const row = cells(line, open.starts).map((cell, column) =>
        cell === "-" ? cell : (always[/** @type {keyof typeof always} */ (headings[column])] ?? change(cell)),
      );
      open.rows.push(row);
      open.at.push(done.length);
      done.push("");
    } else done.push(change(line));
  }
  close();
  return done.join("\n");
}

/** @param {string} line @param {number[]} starts */
function isRow(line, starts) {
  return /^\S/.test(line) && starts.slice(1, 3).every((start) => line.slice(start - 2, start) === "  ");
}

/** @param {string} line @param {number[]} starts */
function cells(line, starts) {
  return starts.map((start, column) => line.slice(start, starts[column + 1]).trimEnd());
}

/** @param {string[][]} rows */
function laidOut(rows) {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/**
 * What of this machine and moment still stands in a page: nothing, if all was normalised.
 *
 * @param {string} page
 * @param {readonly string[]} others texts that belong to this run alone
 */
export function leftOvers(page, others) {
  const machine = [hostname(), userInfo().username, new Date().toISOString().slice(0, 10)].filter(
    (text) => !["root", "node", "user", "localhost", "vm"].includes(text),
  );
  const ids = (page.match(/@\d{5,13}(-\w+)?…?/g) ?? []).filter(
    (id) => !/^@\d{13}(-(byhand\d\d|backfill))?$/.test(id),
  );
  const found = [...[...machine, ...others].filter((text) => text.length > 3 && page.includes(text)), ...ids];
  return page.includes("\u001b") ? [...found, "an escape character"] : found;
}
