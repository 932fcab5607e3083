// Prints the heap bytes that one prepared expression takes: memory-main.js CONTESTANT distinct|same COUNT, with --expose-gc.
import { ours, peers, type Ready } from "./contestants.js";
import { distinctExpressions, zones } from "./expressions.js";

const [, , name, sort, count] = process.argv;
const contestant = [ours, ...peers].find((one) => one.name === name);
const sweep = globalThis.gc;
if (contestant === undefined || sweep === undefined) throw new Error("not to be run by hand");

const after = new Date("2027-03-15T10:20:30.400Z");
const expressions =
  sort === "same"
    ? Array.from({ length: Number(count) }, () => "0 9 * * 1-5")
    : distinctExpressions(Number(count));
const kept: Ready[] = [];
const prepare = (expr: string, index: number): Ready => {
  const ready = contestant.prepare(expr, zones[index % zones.length] ?? "UTC");
  ready.ask(after, after.getTime());
  return ready;
};
// Code, zones and what else is there but once.
for (let index = 0; index < 200; index += 1) prepare("1 2 3 4 *", index);
sweep();
const before = process.memoryUsage().heapUsed;
expressions.forEach((expr, index) => {
  kept.push(prepare(expr, index));
});
sweep();
const bytes = (process.memoryUsage().heapUsed - before) / kept.length;
console.log(Math.round(bytes));
