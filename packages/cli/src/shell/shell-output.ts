import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** The last bytes of a stream of any length, in a ring of fixed size. */
export class OutputTail {
  readonly #limit: number;
  #ring: Buffer | undefined;
  #total = 0;

  /** @param limit bytes kept; 0 keeps none */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes seen so far, kept or not. */
  get total(): number {
    return this.#total;
  }

  /** Takes the next bytes. */
  push(chunk: Buffer): void {
    const skipped = Math.max(0, chunk.length - this.#limit);
    const kept = chunk.subarray(skipped);
    const at = this.#limit === 0 ? 0 : (this.#total + skipped) % this.#limit;
    this.#total += chunk.length;
    if (kept.length === 0) return;
    this.#ring ??= Buffer.alloc(this.#limit);
    const first = kept.copy(this.#ring, at);
    kept.copy(this.#ring, 0, first);
  }

  /**
   * The tail as text of at most `limit` bytes of UTF-8: bytes that are not UTF-8 become U+FFFD (three bytes each), and a
   * character that the cut splits is left out. `truncatedBytes` counts the bytes of the stream before what is shown.
   */
  text(): { output: string; truncatedBytes: number } {
    let bytes = this.#bytes();
    if (this.#total > bytes.length) bytes = bytes.subarray(continuationBytes(bytes));
    let output = bytes.toString("utf8");
    for (let size = Buffer.byteLength(output); size > this.#limit; size = Buffer.byteLength(output)) {
      // A byte becomes three at most, so this never cuts more than needed.
      bytes = bytes.subarray(Math.ceil((size - this.#limit) / 3));
      bytes = bytes.subarray(continuationBytes(bytes));
      output = bytes.toString("utf8");
    }
    return { output, truncatedBytes: this.#total - bytes.length };
  }

  #bytes(): Buffer {
    if (!this.#ring) return Buffer.alloc(0);
    if (this.#total <= this.#limit) return this.#ring.subarray(0, this.#total);
    const start = this.#total % this.#limit;
    return Buffer.concat([this.#ring.subarray(start), this.#ring.subarray(0, start)]);
  }
}

/** How many bytes at the front belong to a character that began before them. */
function continuationBytes(bytes: Buffer): number {
  let count = 0;
  while (count < 3 && count < bytes.length && ((bytes[count] ?? 0) & 0xc0) === 0x80) count += 1;
  return count;
}

/** Reads the pipes of a command into its tail. */
export class OutputReader {
  readonly #streams: readonly Readable[];
  readonly #tail: OutputTail;
  #open: number;

  /** Starts reading at once, so that the command never blocks on a full pipe. */
  constructor(streams: readonly Readable[], tail: OutputTail) {
    this.#streams = streams;
    this.#tail = tail;
    this.#open = streams.length;
    for (const stream of streams) {
      stream.on("data", (chunk: Buffer) => tail.push(chunk));
      stream.on("error", () => {});
      stream.once("close", () => {
        this.#open -= 1;
      });
    }
  }

  /**
   * Takes what is still in the pipes once the command is gone, then closes them. Normally they are at their end; a
   * process that left the group (`setsid`) may hold them open, so it waits until nothing came for five turns of the
   * event loop, and one second at most.
   */
  async finish(): Promise<void> {
    const deadline = performance.now() + 1000;
    for (let quiet = 0; this.#open > 0 && quiet < 5 && performance.now() < deadline; quiet += 1) {
      const before = this.#tail.total;
      await sleep(10);
      if (this.#tail.total !== before) quiet = 0;
    }
    for (const stream of this.#streams) stream.destroy();
  }
}
