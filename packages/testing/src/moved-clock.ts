import { execFile } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { TestingError } from "./errors.js";
import { guardedFolder } from "./guard.js";
import { onPath } from "./redis-way.js";

/** A wall clock of their own for processes, which can be moved while they run. Their monotonic clock is left alone. */
export interface MovedClock {
  /** What processes are to be started with. */
  readonly env: Readonly<Record<string, string>>;
  /** By how many ms it is ahead of this machine's; negative: behind. */
  readonly ahead: number;
  /** Sets that: the processes see it with their next look at the clock. */
  move(ahead: number): void;
}

const variable = "ESCAPEMENT_TEST_CLOCK";

/**
 * Preloaded, it stands in front of the C library's functions. It asks the system itself and allocates nothing, since allocators look at the clock
 * while they start: libfaketime ends in a recursion within the jemalloc that Redis is linked with.
 */
const source = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int64_t none = 0;
static const volatile int64_t *shared;

static int64_t ahead(void) {
  if (!shared) {
    const char *file = getenv("${variable}");
    int fd = file ? open(file, O_RDONLY) : -1;
    void *at = fd < 0 ? MAP_FAILED : mmap(0, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    shared = at == MAP_FAILED ? &none : at;
  }
  return *shared;
}

int clock_gettime(clockid_t id, struct timespec *t) {
  int failed = syscall(SYS_clock_gettime, id, t);
  if (failed || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return failed;
  int64_t ns = t->tv_sec * 1000000000LL + t->tv_nsec + ahead() * 1000000LL;
  t->tv_sec = ns / 1000000000LL;
  t->tv_nsec = ns % 1000000000LL;
  return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *to) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (to) *to = now.tv_sec;
  return now.tv_sec;
}
`;

/** Whether there can be a {@link MovedClock} here: on Linux, where there is a C compiler. */
export function canMoveClocks(): boolean {
  return process.platform === "linux" && onPath("cc", process.env) !== undefined;
}

/**
 * Makes a clock that goes as this machine's does, until it is moved.
 *
 * @throws TestingError `UNSUPPORTED` where there can be none, see {@link canMoveClocks}
 */
export async function movedClock(): Promise<MovedClock> {
  if (!canMoveClocks())
    throw new TestingError(
      "UNSUPPORTED",
      "Moving a process's clock takes Linux and a C compiler (cc) on the PATH.",
    );
  const folder = await guardedFolder("clock");
  const [code, library, file] = [join(folder, "clock.c"), join(folder, "clock.so"), join(folder, "ahead")];
  await writeFile(code, source);
  await writeFile(file, Buffer.alloc(8));
  await promisify(execFile)("cc", ["-shared", "-fPIC", "-O1", "-o", library, code]);
  let ahead = 0;
  return {
    env: { LD_PRELOAD: library, [variable]: file },
    get ahead() {
      return ahead;
    },
    move(ms) {
      ahead = Math.trunc(ms);
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(ahead));
      // Written over in place: the processes have the file itself in their memory.
      const descriptor = openSync(file, "r+");
      writeSync(descriptor, bytes, 0, 8, 0);
      closeSync(descriptor);
    },
  };
}
