import { eventually, type RedisServer } from "@escapement/testing";
import { ledgerOf } from "../checker/history/ledger.js";
import { openIn } from "../checker/history/open.js";
import { ask } from "../faults/hands.js";
import { impostors } from "../workload/impostor.js";
import { guest, lastGuest } from "../workload/jobs.js";
import type { PlannedJob } from "../workload/operations.js";
import type { Session } from "./session.js";

/** For so long jobs go on when nothing befalls anything any more, ms: only what starts then is late by the product's own fault. */
const calm = 8000;

/**
 * Lets everything come to its end and takes down what is left of it: pauses end, what was due by now ends, all jobs go, all nodes leave.
 *
 * @param within milliseconds in which what was due has to have ended, and again in which nothing may be left once all jobs are removed
 * @returns what had not ended
 */
export async function bringToAnEnd(session: Session, within: number): Promise<readonly string[]> {
  const { trial } = session;
  const hasMasters = async (): Promise<boolean> => {
    for (let partition = 0; partition < trial.partitions; partition += 1)
      if (!(await hasOneMaster(session, trial.keyOf("clock", partition)))) return false;
    return true;
  };
  await eventually(hasMasters, { within, every: 200 }).catch(async (error: unknown) => {
    throw new Error(`No server alone is master: ${await rolesOf(session)}`, { cause: error });
  });
  await endPauses(session, within);
  session.write({ kind: "phase", phase: "healed" });
  const healed = Date.now();
  let open: readonly string[] = [];
  let looks = 0;
  const settled = async (): Promise<boolean> => {
    looks += 1;
    // What a deposed master told may stand for what there is: a store that loses writes is asked for all of it anew.
    if (!trial.topology.keepsWrites && looks % 5 === 0) await session.watcher.readAgain();
    open = openIn(ledgerOf(trial.evidence.read()), healed);
    return open.length === 0;
  };
  const done = await eventually(settled, { within, every: 2000 }).then(
    () => true,
    () => false,
  );
  await session.dump("settled");
  if (done) session.write({ kind: "phase", phase: "settled" });
  await trial.lasts(Math.max(1, healed + calm - Date.now()));
  await Promise.all([cancelLast(session), removeLast(session)]);
  await removeJobs(session);
  await eventually(() => session.isIdle(), { within, every: 250 }).catch(() => undefined);
  session.write({ kind: "phase", phase: "removed" });
  await session.dump("removed");
  session.write({ kind: "doctor", findings: await session.client.doctor() });
  await Promise.all([...trial.nodes.values()].map((node) => node.stop()));
  for (const { name, since, exit = "nothing", stopped } of trial.processes)
    if (stopped !== undefined)
      session.write({ kind: "stopped", process: name, since, asked: stopped.at, took: stopped.took, exit });
  for (const { name, exit, log } of trial.processes.filter(({ crashed }) => crashed))
    session.write({ kind: "event", event: "crashed", details: { node: name, exit, log: log.slice(-20) } });
  await session.dump("stopped");
  await session.memory("stopped");
  await session.watcher.stop();
  await takeDownLocks(session);
  return open;
}

/** Whether one server alone takes writes: what is told to one that a failover has yet to make a replica is thrown away. */
async function hasOneMaster({ trial: { topology } }: Session, key: string): Promise<boolean> {
  const masters = await Promise.all(
    topology.store.map((server) =>
      ask(
        server,
        async (redis) =>
          /role:master/.test(await redis.info("replication")) && (await redis.exists(key)) === 1,
      ).catch(() => false),
    ),
  );
  return masters.filter((is) => is).length === 1;
}

/** What each server says of itself, and each sentinel of the master. */
async function rolesOf({ trial: { topology } }: Session): Promise<string> {
  const say = (server: RedisServer, asked: Promise<string | undefined>): Promise<string> =>
    asked.then(
      (answer) => `${server.port}: ${answer}`,
      (error: Error) => `${server.port}: ${error.message}`,
    );
  const roles = topology.store.map((server) =>
    say(
      server,
      ask(server, async (redis) => JSON.stringify(await redis.role())),
    ),
  );
  const names = (topology.sentinel?.sentinels ?? []).map((sentinel) =>
    say(
      sentinel,
      ask(sentinel, async (redis) => JSON.stringify(await redis.call("SENTINEL", "MASTERS"))),
    ),
  );
  return (await Promise.all([...roles, ...names])).join("; ");
}

/**
 * Whoever set them. A node that starts over takes its pause along, so there may be ones that nobody set. Sentinels that name a master which takes itself for
 * a replica let nobody in for half a minute.
 */
async function endPauses(session: Session, within: number): Promise<void> {
  const { operator, trial } = session;
  const ended = async (): Promise<boolean> => {
    const names = await operator.names();
    for (const name of names) await session.record.ask({ do: "del", name }, () => operator.del(name));
    return names.length === 0;
  };
  await eventually(ended, { within, every: 200 });
  await trial.lasts(1500); // the leader notices within a second
}

/** Cancels a run that takes long, now that nothing befalls its node any more. */
async function cancelLast({ record, client, trial }: Session): Promise<void> {
  const run = { id: "long-last", priority: 10, input: { work: 9000, listens: true } };
  const task = "long";
  const answer = await record.ask({ do: "enqueue", task, runs: [run] }, async () => [
    (await client.enqueue(task, run)).id,
  ]);
  if (answer.end !== "acknowledged") return;
  const started = (): boolean => trial.facts("start").some((start) => start.run === run.id);
  await eventually(started, { within: 10_000, every: 50 }).catch(() => undefined);
  await record.ask({ do: "cancel", run: run.id }, () => client.run(run.id).cancel());
}

/** Removes a job with its run, which takes long, now that nothing befalls its node any more. */
async function removeLast({ record, client, trial }: Session): Promise<void> {
  const job: PlannedJob = { ...guest(Date.now(), 0, lastGuest), task: "tick", id: lastGuest, priority: 10 };
  const { task, ...options } = job;
  const answer = await record.ask({ do: "define", jobs: [job] }, async () => {
    const { version, createdAt } = await client.schedule(task, options);
    return { version, createdAt };
  });
  if (answer.end !== "acknowledged") return;
  const started = (): boolean => trial.facts("start").some(({ run }) => run.startsWith(`${lastGuest}@`));
  await eventually(started, { within: 10_000, every: 50 }).catch(() => undefined);
  await record.ask({ do: "remove", job: lastGuest, cancelRunning: true }, () =>
    client.job(lastGuest).remove({ cancelRunning: true }),
  );
}

/** Nobody waits for what guests still do. */
async function removeJobs(session: Session): Promise<void> {
  const left = await session.client.unfinishedRuns({ task: impostors }, 1000);
  await Promise.all(left.map(({ id }) => session.client.run(id).cancel()));
  const ids: string[] = [];
  for await (const { id } of session.client.jobs()) ids.push(id);
  for (const job of ids) {
    const cancelRunning = job.startsWith("guest-");
    await session.insist({ do: "remove", job, cancelRunning }, () =>
      session.client.job(job).remove({ cancelRunning }),
    );
  }
}

async function takeDownLocks(session: Session): Promise<void> {
  const { trial } = session;
  const { topology, partitions } = trial;
  if (topology.voters.length === 0) return;
  const attempts: Record<string, number> = {};
  const prefixes = Array.from({ length: partitions }, (_, partition) => trial.keyOf("lock:", partition));
  for (const voter of topology.voters) {
    const redis = voter.client();
    for (const prefix of prefixes)
      for (const key of await redis.keys(`${prefix.replace(/[{}]/g, "?")}*`)) {
        const attempt = key.slice(prefix.length);
        attempts[attempt] = (attempts[attempt] ?? 0) + 1;
      }
    redis.disconnect();
  }
  session.write({ kind: "lock", attempts });
}
