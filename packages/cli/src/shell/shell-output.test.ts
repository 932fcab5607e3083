import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OutputTail } from "./shell-output.js";

function tailOf(limit: number, ...chunks: (string | Buffer)[]) {
  const tail = new OutputTail(limit);
  for (const chunk of chunks) tail.push(Buffer.from(chunk as string));
  return tail.text();
}

describe("the tail of an output", () => {
  it("is the last bytes, however they were cut into pieces", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 12 })),
        fc.integer({ min: 0, max: 20 }),
        (pieces, limit) => {
          const all = pieces.join("");
          const cut = Math.max(0, all.length - limit);
          expect(tailOf(limit, ...pieces)).toEqual({ output: all.slice(cut), truncatedBytes: cut });
        },
      ),
    );
  });

  it("does not begin in the middle of a character", () => {
    expect(tailOf(4, "a€€")).toEqual({ output: "€", truncatedBytes: 4 });
  });

  it("joins characters that were cut between two chunks", () => {
    const euro = Buffer.from("€");
    expect(tailOf(10, euro.subarray(0, 1), euro.subarray(1))).toEqual({ output: "€", truncatedBytes: 0 });
  });

  it("never takes more bytes of UTF-8 than its limit, and counts what is not shown", () => {
    expect(tailOf(6, Buffer.alloc(6, 0xff))).toEqual({ output: "\uFFFD\uFFFD", truncatedBytes: 4 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0, max: 30 }), (bytes, limit) => {
        const { output, truncatedBytes } = tailOf(limit, Buffer.from(bytes));
        expect(Buffer.byteLength(output)).toBeLessThanOrEqual(limit);
        expect(Buffer.from(bytes).subarray(truncatedBytes).toString("utf8")).toBe(output);
      }),
    );
  });
});
