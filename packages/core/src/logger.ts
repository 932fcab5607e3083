import { pino } from "pino";

/** What is asked of a logger; pino's are such. */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
  child(bindings: Record<string, unknown>): Logger;
}

/** Logs, whatever the logger does: one that throws must not undo what it is told of. */
export function tryToLog(log: () => void): void {
  try {
    log();
  } catch {
    // There is nobody else to tell.
  }
}

/** The logger when none is given: JSON lines on standard output, warnings and errors only (`ESCAPEMENT_LOG_LEVEL` sets another level). */
export function defaultLogger(): Logger {
  return pino({ name: "escapement", level: process.env["ESCAPEMENT_LOG_LEVEL"] ?? "warn" });
}
