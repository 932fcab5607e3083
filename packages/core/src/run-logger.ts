import { format } from "node:util";
import { type LogLevel, plainFields } from "./log-lines.js";
import type { Logger } from "./logger.js";

/** Writes a line: a message with fields after it, or, as pino has it, fields with a message after them, or values for `%s` and the like. */
export interface LogMethod {
  (message: string, fields?: object): void;
  (message: string, ...values: unknown[]): void;
  (fields: object, message?: string, ...values: unknown[]): void;
}

/** What a handler logs with: the node's logger, of which the lines from `info` on are kept with the run. */
export interface RunLogger {
  /** Goes to the node's logger only. */
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  /** A logger that adds fields to each line. */
  child(bindings: Record<string, unknown>): RunLogger;
}

/** Takes what is to be kept. */
export type KeepLine = (
  level: LogLevel,
  message: string,
  fields: Record<string, unknown> | undefined,
) => void;

/**
 * A logger that hands on what it is given and keeps what is to be kept. Whatever else the logger can do, such as pino's `trace` and
 * `level`, it still can.
 */
export function keepingLogger(
  logger: Logger,
  keep: KeepLine,
  bindings: Readonly<Record<string, unknown>> = {},
): RunLogger {
  const own = new Map<string | symbol, unknown>();
  own.set("child", (more: Record<string, unknown>, ...rest: unknown[]): RunLogger => {
    const inner = (logger.child as (...values: unknown[]) => Logger).call(logger, more, ...rest);
    return keepingLogger(inner, keep, plainFields(bindings, more) ?? {});
  });
  const get = (_: object, name: string | symbol): unknown => {
    const known = own.get(name);
    if (known !== undefined) return known;
    const value: unknown = Reflect.get(logger, name, logger);
    if (typeof value !== "function") return value;
    const level = levels.get(name);
    if (level === undefined) return value.bind(logger);
    const wrapped = (...values: unknown[]): void => {
      const given = arranged(values);
      if (level !== "debug") keepGiven(keep, level, bindings, given);
      value.apply(logger, given);
    };
    own.set(name, wrapped);
    return wrapped;
  };
  // Stands in for an object of its own: what a proxy says of a frozen logger's methods has to be true.
  const stand = new Proxy({}, { get, set: (_, name, value) => Reflect.set(logger, name, value, logger) });
  return stand as RunLogger;
}

const levels: ReadonlyMap<string | symbol, LogLevel | "debug"> = new Map(
  Object.entries({ debug: "debug", info: "info", warn: "warn", error: "error", fatal: "error" } as const),
);

/** Fields first, then the message, as every logger here takes them; what is more than that stays as it was given. */
function arranged(values: unknown[]): unknown[] {
  const [message, fields] = values;
  if (typeof message !== "string") return values;
  if (values.length === 1) return [{}, message];
  const plainFields = values.length === 2 && typeof fields === "object" && fields !== null;
  return plainFields && !message.includes("%") ? [fields, message] : values;
}

function keepGiven(
  keep: KeepLine,
  level: LogLevel,
  bindings: Readonly<Record<string, unknown>>,
  [first, ...rest]: unknown[],
): void {
  try {
    if (typeof first !== "object" || first === null) {
      keep(level, format(first, ...rest), plainFields(bindings, undefined));
      return;
    }
    const { message, msg } = first as { message?: unknown; msg?: unknown };
    const said = rest.length > 0 ? format(...rest) : first instanceof Error ? message : msg;
    const fields = plainFields(bindings, first instanceof Error ? { err: first } : first);
    keep(level, typeof said === "string" ? said : "", fields);
  } catch {
    // Getters, proxies and what `%s` calls can throw: that must not fail a run that only wanted to say something.
    keep(level, "[a line that cannot be shown]", plainFields(bindings, undefined));
  }
}
