/** Why a command could not even be started. Stable: programs may branch on it. */
export type ShellErrorCode =
  | "shell-not-found"
  | "working-directory-not-found"
  | "not-permitted"
  | "spawn-failed";

/**
 * A command was not started; nothing of it ran. A command that ran and failed is no error but a ShellResult.
 * `cause` is what the system said.
 */
export class ShellError extends Error {
  readonly code: ShellErrorCode;

  constructor(code: ShellErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ShellError";
    this.code = code;
  }
}
