import { type DestinationStream, type LoggerOptions, pino } from "pino";
import { describe, expect, test } from "vitest";
import type { LogLevel } from "./log-lines.js";
import type { Logger } from "./logger.js";
import { keepingLogger, type RunLogger } from "./run-logger.js";

interface Kept {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Record<string, unknown> | undefined;
}

/** A run's logger on a real pino, what was kept, and what pino wrote. */
function scene(options: LoggerOptions = { level: "trace" }): {
  log: RunLogger;
  kept: Kept[];
  written: Record<string, unknown>[];
} {
  const [kept, written] = [[] as Kept[], [] as Record<string, unknown>[]];
  const stream: DestinationStream = { write: (text) => void written.push(JSON.parse(text)) };
  const inner = pino({ base: null, timestamp: false, ...options }, stream) as unknown as Logger;
  return {
    log: keepingLogger(inner, (level, message, fields) => void kept.push({ level, message, fields })),
    kept,
    written,
  };
}

describe("a run's logger", () => {
  test("takes a message, a message with fields, and fields with a message, on pino and kept alike", () => {
    const { log, kept, written } = scene();
    log.info("plain");
    log.warn("with fields", { a: 1 });
    log.error({ b: 2 }, "as pino has it");
    log.info({ c: 3 });
    expect(kept).toEqual([
      { level: "info", message: "plain", fields: undefined },
      { level: "warn", message: "with fields", fields: { a: 1 } },
      { level: "error", message: "as pino has it", fields: { b: 2 } },
      { level: "info", message: "", fields: { c: 3 } },
    ]);
    expect(written).toEqual([
      { level: 30, msg: "plain" },
      { level: 40, a: 1, msg: "with fields" },
      { level: 50, b: 2, msg: "as pino has it" },
      { level: 30, c: 3 },
    ]);
  });

  test("takes values for placeholders, and errors", () => {
    const { log, kept, written } = scene();
    log.info("row %d of %s", 3, "sales");
    log.info({ n: 1 }, "100%% of %s", "sales");
    log.info("100%");
    log.error(new RangeError("too far"));
    log.error(new RangeError("too far"), "no row");
    expect(kept.map(({ message }) => message)).toEqual([
      ...["row 3 of sales", "100% of sales", "100%", "too far", "no row"],
    ]);
    expect(written.map(({ msg }) => msg)).toEqual(kept.map(({ message }) => message));
    expect(kept[3]?.fields).toEqual({
      err: expect.objectContaining({ name: "RangeError", message: "too far" }),
    });
  });

  test("keeps info and above, whatever the logger's own level; fatal as an error", () => {
    const { log, kept, written } = scene({ level: "silent" });
    log.debug("debug");
    log.info("info");
    (log as unknown as { fatal(message: string): void }).fatal("fatal");
    (log as unknown as { trace(message: string): void }).trace("trace");
    expect(kept.map(({ level, message }) => [level, message])).toEqual([
      ["info", "info"],
      ["error", "fatal"],
    ]);
    expect(written).toEqual([]);
  });

  test("has children, whose fields are on each line, and whose options reach pino", () => {
    const { log, kept, written } = scene();
    const child = log.child({ part: "import", n: 1 }).child({ n: 2 });
    child.info("here", { row: 5 });
    (log.child as (...values: unknown[]) => RunLogger)({ secret: "x" }, { redact: ["secret"] }).info(
      "hidden",
    );
    expect(kept[0]).toEqual({ level: "info", message: "here", fields: { part: "import", n: 2, row: 5 } });
    expect(written[0]).toMatchObject({ part: "import", row: 5, msg: "here" });
    expect(written[1]).toMatchObject({ secret: "[Redacted]" });
    expect(kept[1]?.fields).toEqual({ secret: "x" }); // what is kept is not redacted
  });

  test("can be handed on: its methods need no this, and the rest of pino is there", () => {
    const { log, kept } = scene();
    const { info } = log;
    info("alone");
    expect(kept).toHaveLength(1);
    const own = log as unknown as { level: string; isLevelEnabled(level: string): boolean };
    expect(own.isLevelEnabled("debug")).toBe(true);
    own.level = "warn";
    expect([own.level, own.isLevelEnabled("debug")]).toEqual(["warn", false]);
  });

  test("works on a frozen logger of another kind, one with private fields", () => {
    class Own {
      readonly #lines: unknown[] = [];
      readonly info = (...values: unknown[]): void => void this.#lines.push(values);
      readonly lines = (): unknown[] => this.#lines;
      debug(): void {}
      warn(details: object, message: string): void {
        this.#lines.push([details, message]);
      }
      error(): void {}
      child(): Own {
        return this;
      }
    }
    const own = Object.freeze(new Own());
    const kept: string[] = [];
    const log = keepingLogger(own, (_, message) => void kept.push(message));
    log.info("one");
    log.child({}).warn("two", { n: 1 });
    expect(kept).toEqual(["one", "two"]);
    expect(own.lines()).toEqual([
      [{}, "one"],
      [{ n: 1 }, "two"],
    ]);
  });

  test("keeps a word about a line that cannot be shown", () => {
    const kept: string[] = [];
    const silent = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: () => {},
      child: () => silent,
    } as Logger;
    const log = keepingLogger(silent, (_, message) => void kept.push(message));
    const hostile = {
      toString: () => {
        throw new Error("hostile");
      },
    };
    log.info("%s", hostile, 1);
    log.info(undefined as never);
    expect(kept).toEqual(["[a line that cannot be shown]", "undefined"]);
  });
});
