import { inspect } from "node:util";
import { expect } from "vitest";
import { EscapementError } from "../../src/index.js";
import { marker } from "./values.js";

/** How a call ended. */
export interface Outcome {
  readonly error?: unknown;
  readonly value?: unknown;
}

/** Carries out a call, and gives up on one that does not end. */
export async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Outcome>((resolve) => {
    timer = setTimeout(resolve, 20_000, { error: new Error("the call did not end within 20 s") });
  });
  try {
    const ended = work().then(
      (value): Outcome => ({ value }),
      (error: unknown): Outcome => ({ error }),
    );
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** An error that users can act on: typed, short, on one line, without what a terminal acts on, and without secrets or payloads. */
export function expectTyped(error: unknown, what: string, secret: string): void {
  const isTyped = error instanceof EscapementError || (error as Error)?.name === "InvalidTriggerError";
  expect(isTyped, `${what} threw ${inspect(error)}`).toBe(true);
  const { code, message } = error as EscapementError;
  expect(code, message).toMatch(/^[A-Z][A-Z_]+$/);
  expect(code, message).not.toMatch(/REDIS_FAILED|REDIS_TIMEOUT/);
  expect(message.length).toBeLessThan(1000);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal would act on
  expect(message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(inspect(error, { depth: 10 })).not.toContain(secret);
  expect(message).not.toContain("s3cret-pass");
  // Values of options are quoted, cut short; what is only handed on to the task is not.
  if (/^(input|metadata)\b/.test((error as { path?: string }).path ?? ""))
    expect(message).not.toContain(marker);
}
