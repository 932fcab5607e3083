/**
 * The wall clock of this machine in ms: the only place of the package that reads it. It decides nothing in a scheduler,
 * which always passes an anchor taken from Redis; it stands in for `"now"` in previews that pass none.
 */
export function wallClock(): number {
  return Date.now();
}
