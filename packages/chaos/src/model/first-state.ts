// Where every exploration begins: all processes have joined, the jobs are defined, nothing is written.
import { leaderTtl, margin, nodeTtl, type World } from "./config.js";
import { type Process, type State, type Store, timeOf } from "./state.js";

function firstProcess(name: string, leads: boolean): Process {
  return {
    ...{ name, up: true, born: 1, lease: nodeTtl, numbers: { 1: 0, 2: 0 }, held: [] },
    ...{ reports: [], asking: {} },
    ...{ term: leads ? { epoch: 1, left: leaderTtl - margin } : null, ended: 0, seen: 0, plan: null },
  };
}

export function firstState(world: World): State {
  const names = ["A", "B", "C"].slice(0, world.processes);
  const jobs = Object.entries(world.jobs);
  const store: Store = {
    nodes: Object.fromEntries(names.map((name) => [`${name}1`, nodeTtl])),
    leader: world.settled ? { holder: "A1", left: leaderTtl } : null,
    epoch: world.settled ? 1 : 0,
    jobs: Object.fromEntries(jobs.map(([job]) => [job, { version: 1, since: 0 }])),
    due: world.written
      ? {}
      : Object.fromEntries(jobs.map(([job, { versions }]) => [job, versions[0]?.[0] ?? 1])),
    ...{
      frozen: {},
      waiting: {},
      ready: [],
      blocked: [],
      paused: [],
      unstarted: [],
      active: {},
      requests: {},
    },
    waiting: world.written ? Object.fromEntries(world.runs.map((run) => [run, timeOf(run)])) : {},
    unstarted: world.written ? [...world.runs] : [],
    ...{ attempts: {}, running: {}, locks: [], fence: 0, pauses: [], noticed: [], history: {}, outcomes: {} },
  };
  const { faults, pauses, updates, removals, failures } = world;
  return {
    now: 0,
    store,
    replica: null,
    processes: names.map((name, index) => firstProcess(name, world.settled && index === 0)),
    network: [],
    voters: Array.from({ length: world.voters }, () => ({ up: true, locks: {} })),
    left: {
      faults,
      failovers: world.kinds.includes("failover") ? 1 : 0,
      pauses,
      updates,
      removals,
      failures,
    },
    witness: { starts: {}, token: 0, epoch: world.settled ? 1 : 0, broken: [] },
    calls: [],
  };
}
