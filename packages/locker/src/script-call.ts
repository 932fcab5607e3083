import { Command, type Redis } from "ioredis";

/** A script with its keys and arguments, as text for the wire. Written once, however many servers are sent it: with hundreds of keys that is what a call costs. */
export class ScriptCall {
  readonly #text: string | Buffer;

  constructor(script: string, keyCount: number, rest: readonly (string | number)[]) {
    this.#text = new Command("eval", [script, keyCount, ...rest]).toWritable({});
  }

  /** Sends it, and resolves with the reply. */
  send(client: Redis): Promise<unknown> {
    return client.sendCommand(new WrittenEval(this.#text)) as Promise<unknown>;
  }
}

class WrittenEval extends Command {
  readonly #text: string | Buffer;

  constructor(text: string | Buffer) {
    super("eval", [], { replyEncoding: "utf8" });
    this.#text = text;
  }

  override toWritable(): string | Buffer {
    return this.#text;
  }
}
