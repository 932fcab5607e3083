import { CrontabError, LineFailure } from "./crontab-error.js";

/** Largest crontab that is read, in bytes of UTF-8. */
export const MAX_FILE_BYTES: number = 1024 * 1024;
/** Longest line, in UTF-16 code units. */
export const MAX_LINE_LENGTH = 4096;

/** One line without its end; `failure` is set if the line must not be looked at any further. */
export interface CrontabLine {
  number: number;
  text: string;
  failure?: LineFailure;
}

/**
 * Splits a crontab into checked lines. Takes LF and CRLF, a byte order mark, and a last line without an end.
 *
 * @param source bytes, or text that was decoded from UTF-8 already
 * @throws CrontabError `file-too-large`, before anything else is looked at
 */
export function* crontabLines(source: string | Uint8Array, file: string): Generator<CrontabLine> {
  const size = typeof source === "string" ? Buffer.byteLength(source) : source.byteLength;
  if (size > MAX_FILE_BYTES) {
    const message = `the file has ${size} bytes; a crontab may have ${MAX_FILE_BYTES} (1 MiB), so split it into several`;
    throw new CrontabError({ code: "file-too-large", file, line: 1, column: 1, message });
  }
  // Bytes that are not UTF-8 decode to U+FFFD, which no crontab needs: one check serves bytes and text.
  const text = typeof source === "string" ? source : new TextDecoder().decode(source);
  let number = 0;
  for (const raw of text.replace(/^\uFEFF/, "").split("\n")) {
    number += 1;
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const failure = checkLine(line);
    yield failure ? { number, text: line, failure } : { number, text: line };
  }
}

function checkLine(line: string): LineFailure | undefined {
  if (line.length > MAX_LINE_LENGTH) {
    const message = `the line has ${line.length} characters; put what is beyond ${MAX_LINE_LENGTH} into a script`;
    return new LineFailure("line-too-long", MAX_LINE_LENGTH, message);
  }
  const garbled = line.search(/\uFFFD|\p{Surrogate}/u);
  if (garbled !== -1) {
    return new LineFailure("invalid-encoding", garbled, "not UTF-8; save the file in UTF-8");
  }
  const control = line.search(/(?!\t)\p{Control}/u);
  if (control !== -1) {
    const point = (line.codePointAt(control) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    const message = `control character U+${point}; only tabs and line ends may stand in a crontab`;
    return new LineFailure("control-character", control, message);
  }
  return undefined;
}

/** Turns a 0-based UTF-16 offset into a 1-based column in characters. */
export function columnAt(line: string, index: number): number {
  return Array.from(line.slice(0, index)).length + 1;
}
