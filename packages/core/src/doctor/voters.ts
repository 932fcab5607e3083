import type { RedisSource } from "@escapement/redis";
import { checkEncryption, connect } from "@escapement/redis/internal";
import type { RunLocks } from "../lock.js";
import type { Settings } from "../options.js";
import type { Finding } from "./finding.js";

/** Whether a majority of the voters answers, and each is a server of its own. */
export async function examineVoters(settings: Settings, locks: RunLocks | undefined): Promise<Finding[]> {
  await locks?.settled();
  const unverified = settings.voters
    .flatMap((voter, index) => checkEncryption(voter, `The connection to voter-${index + 1}`))
    .filter(({ level }) => level !== "ok");
  return [reachable(locks), ...(await sameVoters(settings, locks)), ...unverified];
}

function reachable(locks: RunLocks | undefined): Finding {
  if (locks === undefined)
    return { check: "voters", level: "ok", message: "The store itself holds the locks." };
  const { voters: all, quorum } = locks.locker.status();
  const down = all.filter(({ up }) => !up);
  if (!quorum)
    return {
      check: "voters",
      level: "error",
      message: `Nothing can start: ${locks.reason()}. Bring a majority of them back.`,
    };
  if (down.length > 0)
    return {
      check: "voters",
      level: "warning",
      message: `${locks.reason()}. Runs go on; one more failure may stop them.`,
    };
  return { check: "voters", level: "ok", message: `All ${all.length} voters answer.` };
}

/** One server under several names votes several times: it refuses the lock that it has just given, and fails as one. */
async function sameVoters(settings: Settings, locks: RunLocks | undefined): Promise<Finding[]> {
  const status = locks?.locker.status().voters ?? [];
  const names = status.map(({ url }) => url);
  const ids = await Promise.all(
    settings.voters.map((voter, index) =>
      status[index]?.up === true ? serverId(voter, settings.deadline) : undefined,
    ),
  );
  return ids.flatMap((id, index) => {
    const first = ids.indexOf(id);
    if (id === undefined || first === index) return [];
    const message =
      `Voters ${names[first]} and ${names[index]} are the same server, so that locks are refused or less safe than they seem. ` +
      "Each voter must be a Redis of its own.";
    return [{ check: "voters", level: "error", message }];
  });
}

/** What a server calls itself since its start; `undefined` if it cannot be asked. */
async function serverId(voter: RedisSource, deadline: number): Promise<string | undefined> {
  const connection = connect(voter, { profile: "commands", deadline });
  try {
    const text = await connection.run("reading INFO", (client) => client.info("server"));
    return /^run_id:(\w+)/m.exec(text)?.[1];
  } catch {
    return undefined; // that it cannot be reached is another finding
  } finally {
    connection.close();
  }
}
