// A candidate in a process of its own, to be killed and stopped by tests. Runs the build of this package.
//
// node candidate.mjs <url> <key> <id> <ttl>
//
// Prints one JSON object a line: events as they come, and evidence of leading: `after` is a moment (in milliseconds on
// the machine's monotonic clock) before which it had been asked and `before` one after which it would be asked again.
import { createElector } from "@escapement/elector";

const [url, key, id, ttl] = process.argv.slice(2);
const elector = createElector({ redis: url, key, id, ttl: Number(ttl) });
const machineTime = () => Number(process.hrtime.bigint()) / 1e6;
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

elector.on("elected", ({ epoch }) => print({ event: "elected", id, epoch }));
elector.on("lost", (reason, { epoch }) => print({ event: "lost", id, reason, epoch }));
elector.campaign();

// Asks without ever letting go of the event loop for long: after a stop, nothing but the clocks can have told it.
let last = machineTime();
function watch() {
  for (const end = machineTime() + 4; machineTime() < end; ) {
    const before = machineTime();
    const term = elector.term();
    const after = machineTime();
    // Stopped somewhere in between: this is the first question since.
    if (after - last > Number(ttl) / 4) print({ event: "thawed", id, leads: elector.isLeader() });
    if (term !== undefined) held = { epoch: term.epoch, after: held?.after ?? after, before };
    last = after;
  }
  if (held !== undefined) print({ event: "held", id, ...held });
  held = undefined;
  setTimeout(watch, 6);
}
let held;
watch();
