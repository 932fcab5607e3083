/** What tells the time to a locker. The one place in this package that reads clocks. */
export interface Clock {
  /** Milliseconds on a clock that only goes forward; it may stand still while the machine is suspended. */
  monotonic(): number;
  /** Milliseconds on the wall clock; it may be set, but goes on during a suspend. */
  wall(): number;
}

/** This process' own clocks. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};
