/**
 * What went wrong, for code that decides by it:
 * `NO_REDIS` no way to get a Redis server was found, `UNSUPPORTED` the way in use cannot do what was asked,
 * `START_FAILED` a server or process did not come up, `DEADLINE` something awaited did not happen in time,
 * `ENDED` a process ended while something was awaited from it, `INVALID` an argument is out of its range.
 */
export type TestingErrorCode = "NO_REDIS" | "UNSUPPORTED" | "START_FAILED" | "DEADLINE" | "ENDED" | "INVALID";

/** The one error class of this package; `code` says which case it is, `cause` carries what was caught. */
export class TestingError extends Error {
  override readonly name: string = "TestingError";
  /** Which case it is. */
  readonly code: TestingErrorCode;

  /**
   * @param code which case it is
   * @param message what happened and what to do about it
   * @param options `cause`: the error behind it
   */
  constructor(code: TestingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
