// What this package uses of redlock 5.0.0-beta.2, whose own types cannot be found under NodeNext (pitfall R6). It is seen
// by `redlock.ts` alone and is no part of what this package exports.
declare module "redlock" {
  interface VoterClient {
    evalsha(
      hash: string,
      numberOfKeys: number,
      keysAndArguments: readonly (string | number)[],
    ): Promise<unknown>;
    eval(
      script: string,
      numberOfKeys: number,
      keysAndArguments: readonly (string | number)[],
    ): Promise<unknown>;
  }

  interface Settings {
    readonly driftFactor?: number;
    readonly retryCount?: number;
  }

  export class Lock {
    constructor(redlock: Redlock, resources: string[], value: string, attempts: [], expiration: number);
    readonly value: string;
  }

  export default class Redlock {
    constructor(clients: Iterable<VoterClient>, settings?: Settings);
    acquire(resources: string[], duration: number): Promise<Lock>;
    extend(lock: Lock, duration: number): Promise<Lock>;
    release(lock: Lock): Promise<unknown>;
    /** Draws the value of a lock. */
    protected _random(): string;
    /** What a script is known by. */
    protected _hash(script: string): string;
  }
}
