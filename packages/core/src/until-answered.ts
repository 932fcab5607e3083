import { EscapementError } from "@escapement/redis";
import { jittered } from "./id.js";

/** A node has given a request up by its own decision, and with it its identity; Redis was not asked. */
export class GivenUpError extends EscapementError {
  override readonly name: string = "GivenUpError";
  /** Why, for the log. */
  readonly reason: string;

  constructor(reason: string, cause: unknown) {
    super("NODE_DEAD", `The request was given up: ${reason}.`, { cause });
    this.reason = reason;
  }
}

/** By whose word a node is dead, for the log, if an error says that it is. */
export function deathIn(error: unknown): string | undefined {
  if (error instanceof GivenUpError) return error.reason;
  const isDead = error instanceof EscapementError && error.code === "NODE_DEAD";
  return isDead ? "Redis says that the lease has ended" : undefined;
}

/** What is repeated, and what is looked at in between. */
export interface Repeated<R> {
  /** Sends it, once more. Its number makes that harmless. */
  send(): Promise<R>;
  /**
   * Why it is to be given up now, if it is. Once it is, the identity is over, with all that it runs: what the wall clock says must not count here,
   * since that may have been set.
   */
  endedBy(): string | undefined;
  onFailure(error: Error, isFirst: boolean): void;
}

/**
 * Repeats a request until it is answered.
 *
 * @throws EscapementError `NODE_DEAD` if Redis says so; {@link GivenUpError}, with the same code, if it was given up: a heartbeat that is answered
 *   late must not revive the identity then
 */
export async function untilAnswered<R>({ send, endedBy, onFailure }: Repeated<R>): Promise<R> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await send();
    } catch (error) {
      if (error instanceof EscapementError && error.code === "NODE_DEAD") throw error;
      const reason = endedBy();
      if (reason !== undefined) throw new GivenUpError(reason, error);
      try {
        onFailure(error as Error, failures === 0);
      } catch {
        // A logger that throws: nothing but the end of the node ends what it has to say.
      }
      const wait = jittered(Math.min(20 * 2 ** Math.min(failures, 6), 1000));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
