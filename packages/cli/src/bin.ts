import { runCommandLine } from "./program.js";

const streams = [process.stdout, process.stderr];
// Whoever read our output may have gone (`escapement job list | head`); that is no failure. Output that could not be written is one:
// a file on a full disk would pass for all that there is.
let unwritten: Error | undefined;
for (const stream of streams)
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") unwritten = error;
  });

// ioredis writes such advice for its own users by itself; what it is about shows in our own errors and in "doctor".
const warn = console.warn.bind(console);
console.warn = (...said: unknown[]): void => {
  if (!/^(Skipping the ready check|\[(WARN|ERROR)\] (This Redis|Redis|The) server)/.test(String(said[0])))
    warn(...said);
};

const code = await runCommandLine(process.argv.slice(2));
await Promise.all(streams.map((stream) => new Promise<unknown>((resolve) => stream.write("", resolve))));
if (unwritten !== undefined)
  process.stderr.write(`escapement: The output was not written: ${unwritten.message}\n`);
// A jobs file may have left timers or connections behind: they must not keep the process.
process.exit(unwritten === undefined ? code : Math.max(code, 1));
