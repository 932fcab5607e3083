import { parseRunId } from "../run-id.js";
import type { Store } from "../store.js";
import { about, type Finding, lasted, some } from "./finding.js";
import { runsNowhere } from "./nowhere.js";
import { type Inspection, type Picture, takenOverWithin } from "./picture.js";

/** How many runs of each kind are looked at, and how many of them more closely. */
const [most, closely] = [2000, 20];

/** Runs that do not end although they should have, and runs that stand nowhere, so that they never would. */
export async function examineStuck(inspection: Inspection): Promise<Finding[]> {
  const { ok, error } = about("stuck runs");
  const view = await inspection.picture();
  const held = await heldRuns(inspection.store, view);
  const problems = [...(await overstayed(inspection, held)), ...strangers(inspection, view, held)];
  const nowhere = await runsNowhere(inspection.store, view);
  if (nowhere.length > 0)
    problems.push(
      `Runs that have not ended stand in no index, so that nothing would start them: ${some(nowhere)}. The leader's sweeper puts that right ` +
        "within a minute, and says so. If it does not, is there a leader? If there is one, report it.",
    );
  return problems.length === 0 ? [ok("No run is held for longer than it may.")] : problems.map(error);
}

interface Held {
  readonly run: string;
  readonly node: string;
  readonly task: string;
  /** Milliseconds since it was claimed. */
  readonly since: number;
}

/** What running nodes hold, at most {@link most} runs of each. */
async function heldRuns(store: Store, { alive, now }: Picture): Promise<Held[]> {
  const perNode = await store.commands.run("reading active runs", (client) =>
    Promise.all(alive.map(({ id }) => client.hscan(store.keys.active(id), 0, "COUNT", most))),
  );
  return perNode.flatMap(([, entries], index) => {
    const held: Held[] = [];
    for (let at = 0; at + 1 < entries.length && held.length < most; at += 2) {
      const [, , claimedAt, , task = ""] = (entries[at + 1] ?? "").split(" ");
      const node = alive[index]?.id ?? "";
      held.push({ run: entries[at] ?? "", node, task, since: now - Number(claimedAt) });
    }
    return held;
  });
}

/** Held for longer than timeout, grace and what a node needs to report it: its node does not do what it should. */
async function overstayed({ store, settings }: Inspection, held: readonly Held[]): Promise<string[]> {
  const slack = settings.abortGrace + takenOverWithin(settings);
  const old = held.filter(({ since }) => since > slack);
  if (old.length === 0) return [];
  const timeouts = await timeoutsOf(
    store,
    old.map(({ run }) => run),
  );
  return old
    .flatMap(({ run, node, since }, index) => {
      const timeout = timeouts[index];
      if (timeout === undefined || since <= timeout + slack) return [];
      return [
        `Run ${run} has been held by node ${node} for ${lasted(since)}, with a timeout of ${lasted(timeout)}: the node has not ended it. ` +
          "Restart that node; the run has another attempt, or is recorded as lost, as its delivery says.",
      ];
    })
    .slice(0, closely);
}

/** Held by a node that has no handler for it: whatever put it there, the node knows nothing of it. */
function strangers({ settings }: Inspection, { alive }: Picture, held: readonly Held[]): string[] {
  const tasks = new Map(alive.map((node) => [node.id, new Set(node.tasks)]));
  return held
    .filter(({ node, task, since }) => since > takenOverWithin(settings) && !tasks.get(node)?.has(task))
    .slice(0, closely)
    .map(
      ({ run, node, task }) =>
        `Run ${run} is held by node ${node}, which has no handler for its task ${task}. Restart that node, so that another takes it over.`,
    );
}

/** Timeouts in ms, by what is stored of the runs' jobs, or of the runs themselves. */
async function timeoutsOf(store: Store, runs: readonly string[]): Promise<(number | undefined)[]> {
  const { jobs, runs: enqueued } = store.keys;
  const ofJobs = runs.map((run) => parseRunId(run)?.job ?? "");
  const [jobRecords, runRecords] = await store.commands.run("reading timeouts", (client) =>
    Promise.all([client.hmget(jobs, ...ofJobs), client.hmget(enqueued, ...runs)]),
  );
  return runs.map((_, index) => {
    const record = jobRecords[index] ?? runRecords[index];
    try {
      const body = JSON.parse(record?.slice(record.indexOf("\n") + 1) ?? "{}") as { timeout?: number };
      return body.timeout;
    } catch {
      return undefined; // a record that somebody wrote by hand
    }
  });
}
