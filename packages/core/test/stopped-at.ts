/** A signal that says so at the nth time that it is asked: whatever asks before each write is stopped before its nth. */
export function stoppedAt(nth: number): AbortSignal {
  let asked = 0;
  return Object.defineProperty(new AbortController().signal, "aborted", {
    get() {
      asked += 1;
      return asked >= nth;
    },
  });
}
