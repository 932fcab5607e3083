// A scheduler in a process of its own, for what can only happen to a whole process. Arguments: what to do, and the options as JSON.
//   node    becomes a node with the task "hold", which never ends, and prints "started <node id>"
//   doctor  prints what the doctor finds, as JSON
import { createScheduler } from "@escapement/core";

const [what, options = "{}"] = process.argv.slice(2);
const scheduler = createScheduler(JSON.parse(options));
if (what === "doctor") {
  console.log(JSON.stringify(await scheduler.doctor()));
  await scheduler.stop();
} else {
  scheduler.task("hold", () => new Promise(() => undefined));
  await scheduler.start();
  console.log(`started ${scheduler.nodeId}`);
}
