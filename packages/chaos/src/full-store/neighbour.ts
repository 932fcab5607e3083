import type { RedisServer } from "@escapement/testing";

const key = "neighbour";
const step = 4 * 1024 * 1024; // far above what Redis takes and frees by itself, so that full stays full

/** Another user of the same server, who takes all of its memory, and what comes free as well. */
export interface Neighbour {
  /** Fills the memory up to `room` bytes above what is used now; resolves when Redis has refused more. */
  fill(room: number): Promise<void>;
  /** Deletes all that it wrote. */
  leave(): Promise<void>;
  /** Sets the bound `room` bytes above what is used now, and writes nothing. */
  leaveRoom(room: number): Promise<void>;
  /** Takes the bound away. */
  unbound(): Promise<void>;
  /** Redis' memory now. */
  memory(): Promise<{ readonly used: number; readonly max: number }>;
}

/** A neighbour on a server. */
export function neighbourOn(server: RedisServer): Neighbour {
  const redis = server.client();
  let length = 0;
  let timer: NodeJS.Timeout | undefined;
  const memory = async (): Promise<{ used: number; max: number }> => {
    const text = await redis.info("memory");
    const number = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1]);
    return { used: number("used_memory"), max: number("maxmemory") };
  };
  const leaveRoom = async (room: number): Promise<void> => {
    await redis.config("SET", "maxmemory", String((await memory()).used + room));
  };
  // Its requests are small and take much: what Redis counts of a large one would be free again as soon as it is refused.
  const takeAll = async (): Promise<void> => {
    try {
      for (;;) {
        await redis.setrange(key, length + step, "x");
        length += step;
      }
    } catch (error) {
      if (!String(error).includes("OOM")) throw error;
    }
  };
  return {
    memory,
    leaveRoom,
    async fill(room) {
      await leaveRoom(room);
      await takeAll();
      timer = setInterval(() => void takeAll().catch(() => undefined), 50);
    },
    async leave() {
      clearInterval(timer);
      await redis.del(key);
    },
    async unbound() {
      clearInterval(timer);
      await redis.config("SET", "maxmemory", "0");
    },
  };
}
