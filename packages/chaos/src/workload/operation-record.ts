import type { Answer, EvidenceWriter } from "../evidence/evidence.js";
import type { Operation } from "./operations.js";

/** Codes of errors that say for sure that nothing was written. Whatever else is thrown leaves it open. */
const refusals = new Set([
  "INVALID_OPTION",
  "INVALID_NAME",
  "JOB_NOT_FOUND",
  "JOB_PAUSED",
  "REDIS_AUTH",
  "REDIS_FULL",
  "REDIS_READONLY",
  "REDIS_UNAVAILABLE",
  "RUN_NOT_FOUND",
  "STALE_EPOCH",
  "STALE_WRITE",
]);

/** Takes down what is asked for before it is sent, and what came of it. */
export class OperationRecord {
  readonly #evidence: EvidenceWriter;
  #asked = 0;

  constructor(evidence: EvidenceWriter) {
    this.#evidence = evidence;
  }

  /** Asks for something. Never throws: what went wrong is an answer too. */
  async ask(does: Operation, call: () => Promise<unknown>): Promise<Answer> {
    this.#asked += 1;
    const op = this.#asked;
    this.#evidence.write({ kind: "operation", op, does });
    const answer = await this.#answerOf(call);
    this.#evidence.write({ kind: "answer", op, ...answer });
    return answer;
  }

  async #answerOf(call: () => Promise<unknown>): Promise<Answer> {
    try {
      return { end: "acknowledged", answer: (await call()) ?? null };
    } catch (error) {
      const { code = "UNKNOWN", message } = error as { code?: string; message: string };
      return { end: refusals.has(code) ? "refused" : "maybe", code, message };
    }
  }
}
