import { spawn, spawnSync } from "node:child_process";

const programs = ["redis-cli", "valkey-cli"];
const deadline = 10_000;

let known: string | undefined;

/** The command line client that is installed here; `undefined` if there is none. */
export function redisCliProgram(): string | undefined {
  known ??= programs.find((program) => spawnSync(program, ["--version"]).status === 0);
  return known;
}

/**
 * Runs one command by the command line client, as a process of its own, and resolves with what Redis answered as soon as that is read.
 *
 * @param heard called at that moment
 * @throws Error if there is no such program, if it does not answer in 10 s, or if Redis answered with an error
 */
export async function redisCli(url: string, args: readonly string[], heard: () => void): Promise<string> {
  const program = redisCliProgram();
  if (program === undefined)
    throw new Error("Neither redis-cli nor valkey-cli is on the PATH. Debian: apt-get install redis-tools.");
  const child = spawn(program, ["-u", url, "--no-auth-warning", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: deadline,
    killSignal: "SIGKILL",
  });
  let [answer, complaint] = ["", ""];
  child.stderr.on("data", (text: Buffer) => {
    complaint += String(text);
  });
  child.stdout.on("data", (text: Buffer) => {
    if (answer === "") heard();
    answer += String(text);
  });
  await new Promise((resolve, reject) => child.once("close", resolve).once("error", reject));
  // Errors come as text too, and with exit code 0.
  if (/^(OK|\d+)$/.test(answer.trim())) return answer.trim();
  throw new Error(`${program} ${args.join(" ")}: ${answer.trim() || complaint.trim() || "no answer"}`);
}
