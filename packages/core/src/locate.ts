import { show } from "@escapement/redis/internal";

/** Does something for one of many jobs. The message of what it throws, or rejects with, begins with the job's place and id. */
export function locate<T>(where: string | undefined, id: unknown, what: () => T): T {
  const fail = (error: unknown): never => {
    if (where !== undefined && error instanceof Error)
      error.message = `${where}${typeof id === "string" ? ` (${show(id)})` : ""}: ${error.message}`;
    throw error;
  };
  try {
    const done = what();
    return done instanceof Promise ? (done.catch(fail) as T) : done;
  } catch (error) {
    return fail(error);
  }
}
