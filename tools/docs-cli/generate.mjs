// Types all lines at a small cluster of its own, and makes docs/cli.md of what the screen showed.
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { redisWay, startRedis } from "../../packages/testing/dist/index.js";
import { top } from "../run.mjs";
import { leftOvers, Normaliser } from "./normalise.mjs";
import { columns, typeLine } from "./terminal.mjs";
import { sections } from "./transcripts.mjs";

const intro = `# The command line, by example

What a terminal of 80 columns shows. \`npm run docs:cli\` types each of these lines anew, at a Redis and two nodes of its own, and writes
this page; a test compares. Ids, times and machines are made stable. \`ESCAPEMENT_REDIS_URL\` and \`ESCAPEMENT_NAMESPACE\` are set, and the
time zone is UTC; \`jobs.mjs\` is [this file](../packages/cli/fixtures/shop/jobs.mjs). Every command has \`--help\` with more examples, and
\`--json\`.
`;

/** @typedef {import("./transcripts.mjs").Typed} Typed */

/** Answers the page. @throws {Error} for a line that is too wide, or anything that was not normalised */
export async function generate() {
  if (redisWay() === "url")
    throw new Error("The page is made with a Redis of its own, not with one that others use.");
  // Below the package, so that what the jobs file imports is found.
  const folder = mkdtempSync(join(top, "packages/cli/dist/docs-"));
  const redis = await startRedis({ appendonly: "everysec" });
  const namespace = "shop";
  const env = {
    ...process.env,
    PATH: `${folder}${delimiter}${process.env.PATH}`,
    ESCAPEMENT_PARTITIONS: "1",
    ESCAPEMENT_REDIS_URL: redis.url,
    ESCAPEMENT_NAMESPACE: namespace,
    TZ: "UTC",
    LANG: "C.UTF-8",
    NODE_OPTIONS: `--import ${new URL("stage.mjs", import.meta.url)}`,
  };
  delete env.NO_COLOR;
  const desk = new Desk({ cwd: folder, env });
  try {
    symlinkSync(join(top, "packages/cli/bin/escapement.js"), join(folder, "escapement"));
    for (const file of ["jobs.mjs", "my.crontab"])
      copyFileSync(join(top, "packages/cli/fixtures/shop", file), join(folder, file));
    const parts = [];
    for (const section of sections) parts.push(await desk.section(section));
    const page = [intro, ...parts].join("\n");
    const left = leftOvers(page, [String(redis.port), ...desk.nodes]);
    if (left.length > 0) throw new Error(`docs/cli.md would still hold: ${left.join(", ")}`);
    return page;
  } finally {
    await desk.leave();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the lines are typed. */
class Desk {
  normaliser = new Normaliser();
  /** @type {string[]} */
  nodes = [];
  /** @type {ReturnType<typeof typeLine>[]} */
  #open = [];
  #run = "";
  #dead = "";
  #options;

  /** @param {{ cwd: string, env: NodeJS.ProcessEnv }} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {(typeof sections)[number]} section */
  async section({ title, text, lines }) {
    const blocks = [];
    for (const line of lines) {
      const shown = await this.#type(line);
      if (!line.unseen) blocks.push(`\`\`\`console\n${shown}\n\`\`\`\n`);
    }
    return `## ${title}\n\n${text}\n\n${blocks.join("\n")}`;
  }

  /** @param {Typed} typed */
  async #type(typed) {
    const line = this.#filled(typed.type);
    const [screen, code] = typed.stays
      ? await this.#leaveOpen(line, typed)
      : await this.#toItsEnd(line, typed);
    const output = screen.trimEnd();
    const wide = output.split("\n").filter((each) => each.length > columns);
    if (wide.length > 0 && !isError(output))
      throw new Error(`${line} prints lines of over ${columns} columns:\n${wide.join("\n")}`);
    const [run] = /[^\s@]+@\d{13}(-\w{8})?|^0[0-9a-z]{12}\w{8}$/m.exec(output) ?? [];
    if (run !== undefined && / (job run|run enqueue) /.test(line)) this.#run = run;
    if (run !== undefined && line === "escapement run dead") this.#dead = run;
    const shown = this.normaliser.page(`${output}${code === 0 ? "" : `\n(exit code ${code})`}`);
    return `$ ${this.normaliser.page(line)}${shown === "" ? "" : `\n${wrapErrors(shown)}`}`;
  }

  /** @param {string} type */
  #filled(type) {
    const places = { "{run}": this.#run, "{dead}": this.#dead, "{node}": this.nodes.at(-1) ?? "" };
    return Object.entries(places).reduce((line, [place, text]) => line.replaceAll(place, text), type);
  }

  /** @param {string} line @param {Typed} typed @returns {Promise<[string, number]>} */
  async #leaveOpen(line, { until }) {
    const terminal = typeLine(line, this.#options);
    this.#open.push(terminal);
    await within(90, line, () => until === undefined || until.test(terminal.screen()));
    const [, node] = /^node (\w+) runs/m.exec(terminal.screen()) ?? [];
    if (node !== undefined) {
      this.nodes.push(node);
      this.normaliser.say(node, `node${"abcdefgh"[this.nodes.length - 1]}`.padEnd(node.length, "0"));
    }
    return [terminal.screen(), 0];
  }

  /** @param {string} line @param {Typed} typed @returns {Promise<[string, number]>} */
  async #toItsEnd(line, { settle }) {
    /** @type {[string, number]} */
    let said = ["", 0];
    await within(90, line, async () => {
      const terminal = typeLine(line, this.#options);
      said = [terminal.screen(), await terminal.ended];
      said[0] = terminal.screen();
      return settle === undefined || settle.test(said[0]);
    });
    return said;
  }

  /** Closes what is still open. */
  async leave() {
    for (const terminal of this.#open) {
      terminal.interrupt();
      const timer = setTimeout(() => terminal.kill(), 10_000);
      await terminal.ended;
      clearTimeout(timer);
    }
  }
}

/** @param {string} output */
function isError(output) {
  return output.split("\n").every((line) => line.length <= columns || line.startsWith("escapement: "));
}

/** An error is one line, which a terminal breaks at its width. @param {string} shown */
function wrapErrors(shown) {
  return shown
    .split("\n")
    .flatMap((line) =>
      line.startsWith("escapement: ") ? (line.match(new RegExp(`.{1,${columns}}`, "gu")) ?? []) : [line],
    )
    .join("\n");
}

/** @param {number} seconds @param {string} what @param {() => boolean | Promise<boolean>} check */
async function within(seconds, what, check) {
  const until = performance.now() + seconds * 1000;
  while (!(await check())) {
    if (performance.now() > until)
      throw new Error(`${what}: it did not say what it should within ${seconds} s.`);
    await sleep(100);
  }
}
