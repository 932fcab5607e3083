// What a terminal shows two columns wide: East Asian characters, and pictures.
const wide =
  /^(?:\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\u3000-\u303f\uff01-\uff60\uffe0-\uffe6])/u;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const plain = /^[\x20-\x7e…]*$/;

function columnsOf(grapheme: string): number {
  if (/^\p{Mn}/u.test(grapheme)) return 0;
  return wide.test(grapheme) || grapheme.includes("\ufe0f") ? 2 : 1;
}

/** How many columns of a terminal a printable line takes. */
export function widthOf(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += columnsOf(segment);
  return width;
}

/** A printable line cut to a width in columns, `…` at its end if anything was left out. No character is cut in half. */
export function cut(text: string, width: number): string {
  // No character that is shown takes more than some dozen code units: of a long text only the beginning is looked at.
  const start = text.length > 64 * width ? text.slice(0, 64 * width) : text;
  if (start === text && widthOf(text) <= width) return text;
  let [kept, taken] = ["", 0];
  for (const { segment } of graphemes.segment(start)) {
    taken += columnsOf(segment);
    if (taken > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** A line of at most `width` columns, with blanks up to it. */
export function fit(text: string, width: number): string {
  const shown = cut(text, width);
  return shown + " ".repeat(Math.max(0, width - widthOf(shown)));
}

/** A printable text in lines of at most `width` columns, broken between words where it can be; `indent` blanks before all but the first. */
export function wrap(text: string, width: number, indent = 0): string {
  const lines: string[] = [];
  const [blanks = ""] = /^ */.exec(text) ?? [];
  let line = blanks;
  for (const word of text.slice(blanks.length).split(" ")) {
    const both = line.trim() === "" ? line + word : `${line} ${word}`;
    if (line.trim() !== "" && widthOf(both) > width - indent) {
      lines.push(line);
      line = word;
    } else line = both;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}
