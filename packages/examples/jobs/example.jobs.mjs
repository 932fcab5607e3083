// Tasks and jobs for `escapement node --jobs`: the default export registers the tasks, `jobs` says when they are due.
import { setTimeout as sleep } from "node:timers/promises";
import { cron, every } from "@escapement/triggers";

/** @param {import("@escapement/core").Scheduler} scheduler */
export default function register(scheduler) {
  scheduler.task("count-visitors", (run) => ({ visitors: Number(run.fencingToken % 97n) }));

  // Takes about a second, says how far it is, and stops when it is told to.
  scheduler.task("send-report", async (run) => {
    for (let page = 1; page <= 4; page += 1) {
      await sleep(250, undefined, { signal: run.signal });
      await run.progress({ page, of: 4 });
    }
    return { team: run.input.team, pages: 4 };
  });

  scheduler.task("refresh-prices", async (run) => {
    await sleep(50, undefined, { signal: run.signal });
    return { shop: run.input.shop };
  });
}

/** @type {import("@escapement/core").JobDeclaration[]} */
export const jobs = [
  // "allow": a run that died with its node holds up none of those that follow.
  { task: "count-visitors", id: "js/visitors", trigger: every("1s"), overlap: "allow" },
  {
    task: "refresh-prices",
    id: "js/prices",
    trigger: cron("* * * * * *"),
    overlap: "allow",
    input: { shop: "berlin" },
  },
  { task: "send-report", id: "js/report", trigger: every("5s"), overlap: "allow", input: { team: "sales" } },
];
