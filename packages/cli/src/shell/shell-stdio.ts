import { execFile, type StdioOptions } from "node:child_process";
import { close, constants, open } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";

// Bare numbers rather than FileHandles, which would close the descriptor that the socket took over when collected.
const openFile = promisify<string, number, number>(open);
const closeFile = promisify(close);

/** What a command's standard streams are connected to. */
export interface ShellStdio {
  stdio: StdioOptions;
  /** The reading end that stdout and stderr share; undefined if the child's own streams are to be read. */
  output: Readable | undefined;
  /** Whether `stdin` still has to be written to the child's stdin stream. */
  writeStdin: boolean;
  /** Closes the child's ends in this process; call it once the child is started, or was not. */
  release(): Promise<void>;
}

/**
 * Node connects a child by sockets, one for each stream. Then nothing says in which order stdout and stderr were
 * written, and `echo lost > /dev/stderr` fails, since Linux opens no socket by path: a crontab line that works under
 * cron would not work here. So stdout and stderr share one real pipe, and the input is a file, both without a name as
 * soon as they are open. Where the temporary directory cannot be used, Node's sockets have to do.
 */
export async function openStdio(stdin: string | undefined): Promise<ShellStdio> {
  try {
    return await openFiles(stdin);
  } catch {
    const stdio: StdioOptions = [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"];
    return { stdio, output: undefined, writeStdin: stdin !== undefined, release: async () => {} };
  }
}

async function openFiles(stdin: string | undefined): Promise<ShellStdio> {
  const directory = await mkdtemp(join(tmpdir(), "escapement-shell-"));
  const mine: number[] = [];
  const release = async (): Promise<void> => {
    await Promise.all(mine.splice(0).map((fd) => closeFile(fd)));
  };
  try {
    const input = stdin === undefined ? undefined : await openInput(directory, stdin);
    if (input !== undefined) mine.push(input);
    const { output, writer } = await openPipe(directory);
    mine.push(writer);
    return { stdio: [input ?? "ignore", writer, writer], output, writeStdin: false, release };
  } catch (error) {
    await release();
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function openInput(directory: string, text: string): Promise<number> {
  const path = join(directory, "stdin");
  await writeFile(path, text, { mode: 0o600 });
  return openFile(path, constants.O_RDONLY);
}

async function openPipe(directory: string): Promise<{ output: Readable; writer: number }> {
  const path = join(directory, "output");
  await promisify(execFile)("mkfifo", ["-m", "600", path]);
  // A fifo opens for writing only once it has a reader, and for reading at once only if told not to wait.
  const reader = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const writer = await openFile(path, constants.O_WRONLY);
    return { writer, output: new Socket({ fd: reader, readable: true, writable: false }) };
  } catch (error) {
    await closeFile(reader);
    throw error;
  }
}
