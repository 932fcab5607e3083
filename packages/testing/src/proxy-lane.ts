import type { Socket } from "node:net";

/** What has become of the bytes that went one way through a proxy, since its start. */
export interface Traffic {
  /** Bytes that were handed on. */
  readonly passed: number;
  /** Bytes that wait in the proxy now; what waits in the system's buffers is not known. */
  readonly held: number;
  /** Bytes that arrived at the proxy and were lost there, by a cut. */
  readonly dropped: number;
  /** Pieces in which bytes were handed on. */
  readonly pieces: number;
  /** Milliseconds that these pieces waited in the proxy, all added up. */
  readonly waited: number;
}

/** What is done to all that goes one way; shared by the lanes of all connections. */
export interface LaneRules {
  blocked: boolean;
  /** Milliseconds by which the next piece is late. None overtakes the one before. */
  delay: () => number;
  /** Bytes a second of each connection. */
  rate: number;
  readonly rewrite: ((text: string) => string) | undefined;
  readonly traffic: { -readonly [K in keyof Traffic]: Traffic[K] };
}

/** What nothing is done to. */
export function freeLane(rewrite?: (text: string) => string): LaneRules {
  const traffic = { passed: 0, held: 0, dropped: 0, pieces: 0, waited: 0 };
  return { blocked: false, delay: () => 0, rate: Number.POSITIVE_INFINITY, rewrite, traffic };
}

interface Piece {
  readonly bytes: Buffer;
  readonly arrived: number;
  readonly due: number;
}

/** How much waits in a lane before it stops reading; the rest waits where it came from. */
const bound = 1_048_576;

/** One direction of one connection: hands on what comes, in its order, as the rules say. */
export class Lane {
  /** Holds back what comes from now on, whatever the rules say. */
  blocked = false;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rules: LaneRules;
  readonly #on: LaneEvents;
  readonly #queue: Piece[] = [];
  #held = 0;
  #lastDue = 0;
  #free = 0;
  #full = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, rules: LaneRules, on: LaneEvents) {
    this.#from = from;
    this.#to = to;
    this.#rules = rules;
    this.#on = on;
    from.on("data", (bytes: Buffer) => this.#take(bytes));
    from.on("error", () => undefined); // "close" follows
    for (const event of ["end", "close"])
      from.on(event, () => {
        this.#ended = true;
        this.flow();
      });
    to.on("drain", () => {
      this.#full = false;
      this.flow();
    });
    to.on("close", () => this.drop());
  }

  /** Hands on what may go now. */
  flow(): void {
    clearTimeout(this.#timer);
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      if (this.blocked || this.#rules.blocked || this.#full) return;
      const now = performance.now();
      const wait = Math.max(head.due, this.#free) - now;
      if (wait > 0) {
        this.#timer = setTimeout(() => this.flow(), Math.ceil(wait));
        return;
      }
      this.#hand(head, now);
    }
    if (!this.#ended || this.blocked || this.#rules.blocked) return;
    this.#to.end();
    this.#on.ended();
  }

  /** Loses what waits. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#rules.traffic.dropped += this.#held;
    this.#rules.traffic.held -= this.#held;
    this.#held = 0;
  }

  #take(read: Buffer): void {
    const { rewrite, delay, traffic } = this.#rules;
    const bytes = rewrite === undefined ? read : Buffer.from(rewrite(read.toString("latin1")), "latin1");
    const arrived = performance.now();
    this.#lastDue = Math.max(this.#lastDue, arrived + delay());
    this.#queue.push({ bytes, arrived, due: this.#lastDue });
    this.#held += bytes.length;
    traffic.held += bytes.length;
    if (this.#held > bound) this.#from.pause();
    this.#on.arrived(bytes);
    this.flow();
  }

  #hand(head: Piece, now: number): void {
    const { rate, traffic } = this.#rules;
    // As much as the rate lets through in a fiftieth of a second; all of it where there is none.
    const size = Math.min(head.bytes.length, Math.max(1, Math.floor(rate / 50)));
    const bytes = head.bytes.subarray(0, size);
    if (size === head.bytes.length) this.#queue.shift();
    else this.#queue[0] = { ...head, bytes: head.bytes.subarray(size) };
    this.#free = now + (size / rate) * 1000;
    this.#held -= size;
    if (this.#held <= bound) this.#from.resume();
    traffic.held -= size;
    traffic.passed += size;
    traffic.pieces += 1;
    traffic.waited += now - head.arrived;
    this.#full = !this.#to.write(bytes);
    this.#on.passed(bytes);
  }
}

/** What a lane tells of itself. */
export interface LaneEvents {
  arrived(bytes: Buffer): void;
  passed(bytes: Buffer): void;
  /** Its source has ended, all that came from it was handed on, and the other end was told. */
  ended(): void;
}
