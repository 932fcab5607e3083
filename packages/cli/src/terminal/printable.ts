// Controls, what changes the direction or the lines of a text, and halves of characters: a terminal or a log would act on them.
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

function codeUnits(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`,
  ).join("");
}

/** A text that may be shown as it is, over several lines: control characters other than newline and tab are escaped. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) => {
    if (character === "\n" || character === "\t") return character;
    return character < "\u0100" ? `\\x${codeUnits(character).slice(-2)}` : codeUnits(character);
  });
}

/** The same on one line: newlines and tabs are escaped too. */
export function printableLine(text: string): string {
  return printable(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** A value as JSON that may be shown as it is: what JSON lets stand, an escape within its strings says as well. */
export function printableJson(value: unknown, indent?: number): string {
  const plain = (_: string, item: unknown): unknown => (typeof item === "bigint" ? item.toString() : item);
  const text = JSON.stringify(value, plain, indent) ?? "null";
  return text.replace(unsafe, (character) => (character === "\n" ? character : codeUnits(character)));
}
