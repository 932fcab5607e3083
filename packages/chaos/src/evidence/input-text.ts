import { createHash } from "node:crypto";

/** Characters of an input that evidence holds as they are. */
const most = 300;

/** A run's input as evidence has it: its JSON text, or, of one that is long, how long it is and its digest. `undefined`: there is none. */
export function inputText(input: unknown): string | undefined {
  const text = JSON.stringify(input);
  if (text === undefined || text.length <= most) return text;
  return `${text.length} characters, sha256 ${createHash("sha256").update(text).digest("hex")}`;
}
