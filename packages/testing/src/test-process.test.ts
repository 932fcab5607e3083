import { describe, expect, test } from "vitest";
import { eventually, startProcess } from "./index.js";
import { processState } from "./process-state.js";

/** Runs a line of JavaScript; no value of it ends the process by itself. */
const script = (code: string): [string, string[]] => [process.execPath, ["-e", code]];
const stays = "setInterval(() => {}, 1000);";

describe("a started process", () => {
  test("hands out its output line by line, also lines that came in pieces or before the call", async () => {
    await using child = await startProcess(
      ...script(
        `process.stdout.write("one\\ntw"); setImmediate(() => { console.log("o"); console.error("oops"); ${stays} });`,
      ),
    );
    expect(await child.waitForLine(/^two$/)).toBe("two");
    expect(await child.waitForLine(/^one$/)).toBe("one");
    expect(await child.waitForLine(/oops/)).toBe("oops");
    expect(child.lines).toEqual(["one", "two"]);
    expect(child.errorLines).toEqual(["oops"]);
  });

  test("hears lines that it is told, if it is to", async () => {
    const echo = script('process.stdin.on("data", (text) => console.log("heard " + text))');
    await using child = await startProcess(...echo, { input: true });
    child.tell("this");
    expect(await child.waitForLine(/^heard/)).toBe("heard this");
    await using deaf = await startProcess(...script(stays));
    deaf.tell("that"); // and nothing happens
    expect(await processState(deaf.pid)).toBe("runs");
  });

  test("gets variables on top of ours and can do without some of them", async () => {
    const env = { ESCAPEMENT_ADDED: "1", HOME: undefined };
    await using child = await startProcess(
      ...script(
        "const { ESCAPEMENT_ADDED, HOME, PATH } = process.env; console.log(ESCAPEMENT_ADDED, HOME, !!PATH)",
      ),
      { env },
    );
    expect(await child.waitForLine(/./)).toBe("1 undefined true");
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  test("tells its last output when the awaited line does not come in time", async () => {
    await using child = await startProcess(...script(`console.log("started"); ${stays}`));
    await child.waitForLine(/started/);
    const waiting = child.waitForLine(/ready/, 50);
    await expect(waiting).rejects.toMatchObject({ code: "DEADLINE" });
    await expect(waiting).rejects.toThrow(/ready.*within 50 ms[\s\S]*started/);
  });

  test("tells how it ended when it ends before the awaited line", async () => {
    await using child = await startProcess(...script(`console.error("no config"); process.exit(3)`));
    const waiting = child.waitForLine(/ready/);
    await expect(waiting).rejects.toMatchObject({ code: "ENDED" });
    await expect(waiting).rejects.toThrow(/ended \(3\)[\s\S]*no config/);
    expect(await child.exited).toEqual({ code: 3, signal: null });
  });

  test("gets the signal that it is sent", async () => {
    await using child = await startProcess(
      ...script(
        `process.on("SIGTERM", () => { console.log("bye"); process.exit(0); }); console.log("up"); ${stays}`,
      ),
    );
    await child.waitForLine(/up/);
    child.kill("SIGTERM");
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.lines).toContain("bye");
    child.kill();
  });

  test("is gone after stop, and its own children with it", async () => {
    const child = await startProcess("sh", ["-c", "sleep 1000 & echo $!; wait"]);
    const grandchild = Number(await child.waitForLine(/^\d+$/));
    expect(await child.stop()).toEqual({ code: null, signal: "SIGKILL" });
    await eventually(async () => (await processState(grandchild)) === "gone");
    expect(await child.stop()).toEqual({ code: null, signal: "SIGKILL" });
  });

  test("leaves no child of its own behind when it ends by itself", async () => {
    const child = await startProcess("sh", ["-c", "sleep 1000 & echo $!"]);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    await eventually(async () => (await processState(Number(child.lines[0]))) === "gone");
  });

  test("fails to start when there is no such program", async () => {
    await expect(startProcess("/no/such/program")).rejects.toMatchObject({ code: "START_FAILED" });
  });
});
