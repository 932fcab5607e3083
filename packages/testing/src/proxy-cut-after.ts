import type { Socket } from "node:net";
import type { Lane } from "./proxy-lane.js";

/** A cut that waits for its request. */
export interface ArmedCut {
  /** What it has done: how many bytes the request's piece had that was handed on, and how many bytes of the answer were lost. */
  readonly hit: { readonly requestBytes: number; readonly lostReplyBytes: number } | undefined;
  /** Waits no longer. A request that was handed on gets its answer. */
  disarm(): void;
}

/** A connection that a proxy carries. */
export interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly requests: Lane;
  readonly replies: Lane;
}

/** Looks for the request, and cuts its connection once it has been answered. */
export class CutAfter implements ArmedCut {
  hit: ArmedCut["hit"];
  readonly #text: string;
  readonly #cut: (connection: Connection) => void;
  /** What the pieces before ended with, of each connection: the text may stand across two of them. */
  readonly #ends = new WeakMap<Connection, Buffer>();
  #found: { readonly connection: Connection; readonly requestBytes: number } | undefined;
  #over = false;

  constructor(text: string, cut: (connection: Connection) => void) {
    this.#text = text;
    this.#cut = cut;
  }

  requestPassed(connection: Connection, bytes: Buffer): void {
    if (this.#over || this.#found !== undefined) return;
    const read = Buffer.concat([this.#ends.get(connection) ?? Buffer.alloc(0), bytes]);
    this.#ends.set(connection, read.subarray(Math.max(0, read.length - this.#text.length + 1)));
    if (!read.includes(this.#text)) return;
    this.#found = { connection, requestBytes: bytes.length };
    connection.replies.blocked = true;
  }

  replyArrived(connection: Connection, bytes: Buffer): void {
    if (this.#over || this.#found?.connection !== connection) return;
    this.#over = true;
    this.hit = { requestBytes: this.#found.requestBytes, lostReplyBytes: bytes.length };
    // Not within the lane's own step: it goes on with what it has just taken.
    setImmediate(() => this.#cut(connection));
  }

  disarm(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#found === undefined) return;
    this.#found.connection.replies.blocked = false;
    this.#found.connection.replies.flow();
  }
}
