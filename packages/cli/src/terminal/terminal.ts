import type { ReadStream, WriteStream } from "node:tty";

const enter = "\u001b[?1049h\u001b[?25l\u001b[?7l"; // the alternate screen, no cursor, no wrapping of long lines
const leave = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const home = "\u001b[H";
const restOfLine = "\u001b[K";
const restOfScreen = "\u001b[J";

/** What a terminal is used with. */
export interface TerminalOptions {
  readonly output: WriteStream;
  readonly input: ReadStream;
  /** Called with each key that is pressed, as the characters that it sends. */
  onKey(key: string): void;
  /** Called when the terminal has another size. */
  onResize(): void;
}

/** The whole screen of a terminal, until it is disposed of: then it is as it was, also where the process ends by an error. */
export class Terminal implements Disposable {
  readonly #options: TerminalOptions;
  readonly #onData = (data: Buffer): void => this.#options.onKey(data.toString("utf8"));
  readonly #onResize = (): void => this.#options.onResize();
  readonly #restore = (): void => void this[Symbol.dispose]();
  #open = true;

  constructor(options: TerminalOptions) {
    this.#options = options;
    const { input, output } = options;
    process.once("exit", this.#restore);
    input.setRawMode?.(true);
    input.on("data", this.#onData).resume();
    output.on("resize", this.#onResize);
    output.write(enter);
  }

  /** In characters. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#options.output;
    return { columns: columns || 80, rows: rows || 24 };
  }

  /** Shows these lines in place of what was shown, as many as there is room for. */
  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    const shown = lines.slice(0, this.size.rows).map((line) => `${line}${restOfLine}`);
    this.#options.output.write(`${home}${shown.join("\r\n")}${restOfScreen}`);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    const { input, output } = this.#options;
    process.off("exit", this.#restore);
    output.off("resize", this.#onResize);
    input.off("data", this.#onData).pause();
    input.setRawMode?.(false);
    output.write(leave);
  }
}
