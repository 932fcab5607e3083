/** What tells the time to an elector. The one place in this package that reads clocks and draws random numbers. */
export interface Clock {
  /** Milliseconds on a clock that only goes forward; it may stand still while the machine is suspended. */
  monotonic(): number;
  /** Milliseconds on the wall clock; it may be set, but goes on during a suspend. */
  wall(): number;
  /** A number from 0 up to, not including, 1. */
  random(): number;
}

/** This process' own clocks. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
};

/** One moment on both clocks. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

/** Now, on both clocks. */
export function now(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}
