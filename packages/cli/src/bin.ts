import { runCommandLine } from "./program.js";

const streams = [process.stdout, process.stderr];
// Whoever read our output may have gone (`escapement job list | head`); that is no failure.
for (const stream of streams) stream.on("error", () => undefined);

// ioredis writes such advice for its own users by itself; what it is about shows in our own errors and in "doctor".
const warn = console.warn.bind(console);
console.warn = (...said: unknown[]): void => {
  if (!/^(Skipping the ready check|\[(WARN|ERROR)\] (This Redis|Redis|The) server)/.test(String(said[0])))
    warn(...said);
};

const code = await runCommandLine(process.argv.slice(2));
await Promise.all(streams.map((stream) => new Promise<unknown>((resolve) => stream.write("", resolve))));
// A jobs file may have left timers or connections behind: they must not keep the process.
process.exit(code);
