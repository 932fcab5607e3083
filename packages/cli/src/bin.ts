import { runCommandLine } from "./program.js";

const streams = [process.stdout, process.stderr];
// Whoever read our output may have gone (`escapement job list | head`); that is no failure.
for (const stream of streams) stream.on("error", () => undefined);

const code = await runCommandLine(process.argv.slice(2));
await Promise.all(streams.map((stream) => new Promise<unknown>((resolve) => stream.write("", resolve))));
// A jobs file may have left timers or connections behind: they must not keep the process.
process.exit(code);
