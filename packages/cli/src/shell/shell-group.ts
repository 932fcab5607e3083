import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** Groups that still run, so that a node that exits without aborting them takes them along. */
const running = new Set<ProcessGroup>();

function killAll(): void {
  for (const group of running) group.signal("SIGKILL");
}

/** The process group of one command: the shell, which leads it, and whatever it started and left in the group. */
export class ProcessGroup {
  readonly #id: number;
  #leaderExited = false;
  #gone = false;

  /** @param leader pid of a process that was started as the leader of its own group */
  constructor(leader: number) {
    this.#id = leader;
    if (running.size === 0) process.on("exit", killAll);
    running.add(this);
  }

  /** Call it when the leader has exited and been reaped: only then can the group be gone. */
  leaderExited(): void {
    this.#leaderExited = true;
  }

  /** Signals every process of the group. Does nothing once the group is gone, when its number may be another's. */
  signal(name: NodeJS.Signals | 0): void {
    if (this.#gone) return;
    try {
      process.kill(-this.#id, name);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "ESRCH" && this.#leaderExited) this.#forget();
      // EPERM: members run under another user, so they are there and out of reach.
    }
  }

  /** Waits until no process of the group is left, or until time or signal run out. @returns whether it is gone */
  async waitUntilGone({ within, signal }: { within: number; signal?: AbortSignal }): Promise<boolean> {
    const deadline = performance.now() + within;
    for (let pause = 2; ; pause = Math.min(pause * 2, 100)) {
      if (await this.#checkGone()) return true;
      const left = deadline - performance.now();
      if (left <= 0 || signal?.aborted) return false;
      await sleep(Math.min(pause, left), undefined, signal ? { signal } : {}).catch(() => {});
    }
  }

  /** SIGTERM to all, after the grace SIGKILL to all, until none is left. @param graceMs milliseconds */
  async end(graceMs: number): Promise<void> {
    this.signal("SIGTERM");
    if (await this.waitUntilGone({ within: graceMs })) return;
    do this.signal("SIGKILL");
    while (!(await this.waitUntilGone({ within: 100 })));
  }

  async #checkGone(): Promise<boolean> {
    if (this.#gone || !this.#leaderExited) return this.#gone;
    this.signal(0);
    if (!this.#gone && (await hasOnlyZombies(this.#id))) this.#forget();
    return this.#gone;
  }

  #forget(): void {
    this.#gone = true;
    running.delete(this);
    if (running.size === 0) process.off("exit", killAll);
  }
}

/**
 * An orphan that ended stays a zombie until process 1 collects it, which in a container is often a program that never
 * does; a signal still reaches it. Linux alone tells: elsewhere the answer is always false.
 */
async function hasOnlyZombies(group: number): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // pid (name) state parent group …; the name may hold blanks and brackets.
    const [state, , processGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(processGroup) === group && state !== "Z" && state !== "X") return false;
  }
  return true;
}
