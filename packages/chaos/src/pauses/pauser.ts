import { type EvidenceWriter, openEvidence, type PauseAct } from "../evidence/evidence.js";
import type { Trial } from "../trial.js";
import { redisCli } from "./redis-cli.js";

/** A key's type, and what it says: anything of any type pauses. */
export interface PauseValue {
  readonly type: "string" | "hash" | "list" | "set";
  readonly reason: string;
}

/** Who pauses and resumes with nothing but the command line client, and takes down when that was asked and acknowledged. */
export class Pauser {
  readonly #trial: Trial;
  readonly #record: EvidenceWriter;
  #acts = 0;

  constructor(trial: Trial) {
    this.#trial = trial;
    this.#record = openEvidence(trial.evidence.fileOf("operator"), "operator");
  }

  /** Sets the key of a pause. `ttl`: ms after which it ends by itself (whole seconds go as EX); strings only. Resolves once acknowledged. */
  async pause(name: string, { type, reason }: PauseValue, ttl?: number): Promise<void> {
    const key = this.#key(name);
    const ends = ttl === undefined ? [] : ttl % 1000 === 0 ? ["EX", `${ttl / 1000}`] : ["PX", `${ttl}`];
    const commands = {
      string: ["SET", key, reason, ...ends],
      hash: ["HSET", key, "reason", reason],
      list: ["LPUSH", key, reason],
      set: ["SADD", key, reason],
    };
    await this.#act(name, { set: true, ...(ttl === undefined ? {} : { ttl }) }, commands[type]);
  }

  /** Deletes the key of a pause. Resolves once acknowledged. */
  async resume(name: string): Promise<void> {
    await this.#act(name, { set: false }, ["DEL", this.#key(name)]);
  }

  async #act(pause: string, does: PauseAct, command: readonly string[]): Promise<void> {
    this.#acts += 1;
    const act = this.#acts;
    this.#record.write({ kind: "asked", act, pause, does });
    const heard = (): void => this.#record.write({ kind: "acknowledged", act });
    await redisCli(this.#trial.redis.url, command, heard);
  }

  #key(name: string): string {
    return this.#trial.keyOf(`pause:${name}`);
  }
}
