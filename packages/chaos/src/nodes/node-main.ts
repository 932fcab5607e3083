// One node of the workload, run as a process of its own: it does what its jobs ask for and takes down all that happens.
import { readFileSync } from "node:fs";
import {
  type AttemptEvent,
  createScheduler,
  type JobDeclaration,
  type RunContext,
  type Scheduler,
} from "@escapement/core";
import { type AttemptFact, type EvidenceWriter, machineClock, openEvidence } from "../evidence/evidence.js";
import { inputText } from "../evidence/input-text.js";
import { sourceOf } from "../topologies/address.js";
import { askWhetherHeld } from "./holding.js";
import { type LoopReport, watchLoop } from "./loop-watch.js";
import { type NodeConfig, nodeVariable, taskNames, type WorkInput } from "./node-config.js";

const config = JSON.parse(process.env[nodeVariable] ?? "null") as NodeConfig;
const evidence = openEvidence(config.evidence, config.name, config.wallAhead);
const scheduler = createScheduler({ ...config.scheduler, redis: sourceOf(config.store) });

for (const name of taskNames) scheduler.task<WorkInput | undefined>(name, work);
for (const [name, options] of Object.entries(config.tasks ?? {}))
  scheduler.task<WorkInput | undefined>(name, options, work);
takeDown(scheduler, evidence);
let loop: (() => LoopReport) | undefined;
if (config.watchLoop)
  scheduler.on("leaderElected", () => {
    loop ??= watchLoop();
  });
process.once("SIGTERM", () => void leave());
evidence.write({ kind: "event", event: "began", details: { pid: process.pid } });
process.stdin.setEncoding("utf8").on("data", obey).unref();
if (config.jobs !== undefined) await firstDeployment();
await join();

async function work(run: RunContext<WorkInput | undefined>): Promise<string> {
  const { id, attempt, fencingToken, scheduledAt, signal, input = {} } = run;
  const fact = { run: id, attempt, token: String(fencingToken) };
  const handed = inputText(run.input);
  const start = { kind: "start", ...fact, scheduledAt: scheduledAt.getTime() } as const;
  evidence.write(handed === undefined ? start : { ...start, input: handed });
  const worked = config.asksWhetherHeld ? askWhetherHeld(run, fact, evidence) : () => undefined;
  if (input.kills) process.kill(process.pid, "SIGKILL");
  if (input.fails?.includes(attempt)) throw new Error(`attempt ${attempt} was to fail`);
  if (input.hangsOn === config.name) await new Promise(() => undefined);
  const ms = input.work ?? 0;
  if (ms > 0)
    await new Promise((resolve) => {
      setTimeout(resolve, ms);
      if (input.listens) signal.addEventListener("abort", resolve);
    });
  worked();
  if (input.listens && signal.aborted) {
    evidence.write({ kind: "aborted", ...fact });
    throw signal.reason;
  }
  evidence.write({ kind: "end", ...fact });
  return config.name;
}

/** What is told on standard input: `block <ms>`, to hold up the event loop; `clock`, to take down what its wall clock says. */
function obey(told: Buffer | string): void {
  for (const _ of String(told).matchAll(/^clock$/gm))
    evidence.write({ kind: "event", event: "clock", details: { now: Date.now() } });
  for (const [, ms] of String(told).matchAll(/^block (\d+)$/gm)) {
    const begun = machineClock();
    while (machineClock() < begun + Number(ms));
    evidence.write({ kind: "event", event: "blocked", details: { ms: machineClock() - begun } });
  }
}

/** Waits for the word to deploy, so that several nodes do so at the same time; each further word deploys again. */
async function firstDeployment(): Promise<void> {
  const stay = setInterval(() => undefined, 60_000); // a listener for signals does not keep a process alive
  await new Promise<void>((resolve) => {
    process.on("SIGUSR2", () => void deploy().then(resolve));
    evidence.write({ kind: "event", event: "ready", details: {} });
  });
  clearInterval(stay);
}

async function deploy(): Promise<void> {
  const begun = machineClock();
  try {
    const jobs = JSON.parse(readFileSync(config.jobs ?? "", "utf8")) as JobDeclaration[];
    const { added, updated, removed } = await scheduler.apply(jobs);
    evidence.write({ kind: "event", event: "deployed", details: { begun, added, updated, removed } });
  } catch (error) {
    evidence.write({ kind: "event", event: "deployFailed", details: String(error) });
  }
}

async function join(): Promise<void> {
  // The server may be down while this process starts: whoever runs it would start it again.
  for (;;) {
    try {
      await scheduler.start();
      return;
    } catch (error) {
      evidence.write({ kind: "event", event: "startFailed", details: String(error) });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function leave(): Promise<void> {
  if (loop !== undefined) evidence.write({ kind: "event", event: "loop", details: loop() });
  await scheduler.stop({ timeout: 15_000 });
  evidence.close();
  process.exit(0);
}

function takeDown(from: Scheduler, to: EvidenceWriter): void {
  from.on("beforeRun", (event) => {
    const claimedAt = event.scheduledAt.getTime() + event.lateness;
    to.write({ kind: "claimed", ...factOf(event), claimedAt });
  });
  from.on("afterRun", (event) => to.write({ kind: "accepted", ...factOf(event), outcome: event.outcome }));
  from.on("completionRefused", (event) => to.write({ kind: "refused", ...factOf(event) }));
  from.on("handedBack", (event) => to.write({ kind: "back", ...factOf(event) }));
  from.on("leaderElected", ({ epoch, partition }) =>
    to.write({ kind: "elected", epoch, ...(partition !== undefined && { partition }) }),
  );
  from.on("error", ({ step, error }) =>
    to.write({ kind: "event", event: "error", details: { step, message: error.message } }),
  );
  from.on("nodeJoined", ({ node }) => to.write({ kind: "up", id: node }));
  for (const event of ["leaderLost", "leaderStalled", "nodeLeft", "nodeDead"] as const)
    from.on(event, (details) => to.write({ kind: "event", event, details }));
  for (const event of ["lost", "skipped", "missed", "lockRefused", "jobParked"] as const)
    from.on(event, (details) => to.write({ kind: "event", event, details }));
  for (const event of ["votersLost", "votersRestored", "storeLost", "storeRestored"] as const)
    from.on(event, (details) => to.write({ kind: "event", event, details }));
}

function factOf({ runId, attempt, fencingToken }: AttemptEvent): AttemptFact {
  return { run: runId, attempt, token: String(fencingToken) };
}
