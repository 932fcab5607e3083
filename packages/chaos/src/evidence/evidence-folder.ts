import { closeSync, cpSync, fstatSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Evidence } from "./evidence.js";

/** The evidence of all nodes of a trial, read as it grows. */
export class EvidenceFolder {
  readonly path: string;
  readonly #read = new Map<string, number>();
  readonly #all: Evidence[] = [];

  /** @param path a folder with evidence. @default an empty one */
  constructor(path: string = mkdtempSync(join(tmpdir(), "escapement-evidence-"))) {
    this.path = path;
  }

  /** The file of a node. */
  fileOf(node: string): string {
    return join(this.path, `${node}.jsonl`);
  }

  /** All that has been written so far: file by file as it was read, each file in its own order. */
  read(): readonly Evidence[] {
    for (const name of readdirSync(this.path).sort()) this.#readMore(join(this.path, name));
    return this.#all;
  }

  /** Copies the files to another folder, for `--judge`. */
  keep(folder: string): void {
    cpSync(this.path, folder, { recursive: true });
  }

  /** Removes the files. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #readMore(file: string): void {
    const from = this.#read.get(file) ?? 0;
    const descriptor = openSync(file, "r");
    try {
      const size = fstatSync(descriptor).size;
      if (size === from) return;
      const bytes = Buffer.alloc(size - from);
      readSync(descriptor, bytes, 0, bytes.length, from);
      // A line that is being written, or was cut off by a SIGKILL, has no end yet.
      const whole = bytes.lastIndexOf(0x0a) + 1;
      this.#read.set(file, from + whole);
      for (const line of bytes.subarray(0, whole).toString().split("\n")) {
        if (line !== "") this.#all.push(JSON.parse(line) as Evidence);
      }
    } finally {
      closeSync(descriptor);
    }
  }
}
