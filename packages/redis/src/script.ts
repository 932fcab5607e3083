import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Connection, RedisClient } from "./connection.js";
import { EscapementError } from "./errors.js";

/** What may be handed to a script. */
export type ScriptValue = string | number | bigint | Buffer;

/** A script's named inputs. Lists are flat: `width` values an item, one item after the other. */
export interface ScriptInput<K extends string, A extends string, L extends string> {
  readonly keys: Readonly<Record<K, string>>;
  readonly args: Readonly<Record<A, ScriptValue>>;
  readonly lists?: Readonly<Record<L, readonly ScriptValue[]>>;
}

/** How a script is defined: one `.lua` file, and the names by which it finds its keys and arguments. */
export interface ScriptSpec<K extends string, A extends string, L extends string> {
  /** The name of the `.lua` file, without its ending; it names the script in errors. */
  readonly name: string;
  /** Raised whenever what the script expects or answers changes. */
  readonly version: number;
  /**
   * Keys that are declared to Redis. A script that is handed an argument `prefix` finds all others behind that: its `key.calledOff` is
   * `<prefix>called-off`.
   */
  readonly keys: readonly K[];
  readonly args: readonly A[];
  /** Each list's name and the fields of its items. */
  readonly lists?: Readonly<Record<L, readonly string[]>>;
  /**
   * What Redis is to let it do: `allow-oom`, write although the memory is full, for what takes little and helps out of that; `no-writes`, read
   * then. @default it is refused at its first write
   */
  readonly flag?: "allow-oom" | "no-writes";
  /** Where the file lies, such as `new URL("./claim.lua", import.meta.url)`. */
  readonly file: URL;
  /** Files whose functions the script uses, put before it. */
  readonly include?: readonly URL[];
}

/** One atomic step on Redis. */
export class Script<K extends string, A extends string, L extends string, R> {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
  readonly #spec: ScriptSpec<K, A, L>;
  readonly #lists: readonly L[];

  constructor(spec: ScriptSpec<K, A, L>) {
    this.name = spec.name;
    this.#spec = spec;
    this.#lists = Object.keys(spec.lists ?? {}) as L[];
    const parts = [...(spec.include ?? []), spec.file].map((file) => readFileSync(file, "utf8"));
    this.source = [header(spec), ...parts].join("\n");
    this.sha = createHash("sha1").update(this.source).digest("hex");
  }

  /**
   * Runs the script. A server that does not know it (restarted, failed over, flushed) is sent its text.
   *
   * @throws EscapementError with the code that the script refused with, or a `RedisError`
   */
  run(connection: Connection, input: ScriptInput<K, A, L>, deadline?: number): Promise<R> {
    const [keys, values] = this.flatten(input);
    return connection.run(this.name, (client) => this.send(client, keys, values), deadline);
  }

  /** Sends flattened input to a client; for callers that bring their own deadline. */
  async send(client: RedisClient, keys: readonly string[], values: readonly ScriptValue[]): Promise<R> {
    const rest = [...keys, ...values] as (string | Buffer | number)[];
    // What only reads is asked for as that, so that a user who may only read can ask it.
    const reads = this.#spec.flag === "no-writes";
    const [count, { sha, source }] = [keys.length, this];
    try {
      const reply = reads ? client.evalsha_ro(sha, count, ...rest) : client.evalsha(sha, count, ...rest);
      return (await reply) as R;
    } catch (error) {
      if (!isNoScript(error)) throw error;
      const reply = reads ? client.eval_ro(source, count, ...rest) : client.eval(source, count, ...rest);
      return (await reply) as R;
    }
  }

  /** Keys and arguments in the order in which the script's header reads them. */
  flatten(input: ScriptInput<K, A, L>): [string[], ScriptValue[]] {
    const keys = this.#spec.keys.map((name) => input.keys[name]);
    const values: ScriptValue[] = this.#spec.args.map((name) => input.args[name]);
    for (const name of this.#lists) {
      const items = input.lists?.[name] ?? [];
      const width = this.#spec.lists?.[name].length ?? 1;
      if (items.length % width !== 0) {
        throw new EscapementError(
          "INVALID_OPTION",
          `${this.name}: list ${name} takes items of ${width} values.`,
        );
      }
      values.push(items.length / width);
      for (const item of items) values.push(item);
    }
    return [keys, values];
  }
}

/** Defines a script; `R` is what it answers. Reads its file at once. */
export function defineScript<R>(): <K extends string, A extends string, L extends string = never>(
  spec: ScriptSpec<K, A, L>,
) => Script<K, A, L, R> {
  return (spec) => new Script(spec);
}

/**
 * Runs several scripts in one pipeline, in order. Those that the server did not know are sent again as text, after the others.
 *
 * @returns each one's answer, or the error that it gave
 */
export function runPipeline(
  connection: Connection,
  calls: readonly {
    script: Script<string, string, string, unknown>;
    keys: readonly string[];
    values: readonly ScriptValue[];
  }[],
): Promise<(unknown | Error)[]> {
  return connection.run("pipeline", async (client) => {
    const pipeline = client.pipeline();
    for (const { script, keys, values } of calls) {
      pipeline.evalsha(script.sha, keys.length, ...([...keys, ...values] as (string | Buffer | number)[]));
    }
    const replies = (await pipeline.exec()) ?? [];
    const answers: (unknown | Error)[] = [];
    for (const [index, [error, reply]] of replies.entries()) {
      const call = calls[index];
      if (call !== undefined && isNoScript(error)) {
        answers.push(await call.script.send(client, call.keys, call.values).catch((failed: Error) => failed));
      } else answers.push(error ?? reply);
    }
    return answers;
  });
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

/**
 * What stands before every script: its name and version, `key.<name>`, `arg.<name>`, `each(list.<name>)` to go through a
 * list's items, and `refuse(code, message)` to answer with a typed error.
 */
function header(spec: ScriptSpec<string, string, string>): string {
  const keys = spec.keys.map((name, index) => `${lua(name)} = KEYS[${index + 1}]`);
  const args = spec.args.map((name, index) => `${lua(name)} = ARGV[${index + 1}]`);
  const lines = [
    ...(spec.flag === undefined ? [] : [`#!lua flags=${spec.flag}`]),
    `-- ${spec.name} v${spec.version}`,
    `local key = { ${keys.join(", ")} }`,
    `local arg = { ${args.join(", ")} }`,
    ...(spec.args.includes("prefix") ? [findKeys] : []),
    "local list = {}",
    `do local at = ${spec.args.length + 1}`,
  ];
  for (const [name, fields] of Object.entries(spec.lists ?? {})) {
    const width = fields.length;
    lines.push(
      `  list.${lua(name)} = { first = at + 1, count = tonumber(ARGV[at]), width = ${width} }  -- ${fields.join(", ")}`,
      `  at = at + 1 + ${width} * tonumber(ARGV[at])`,
    );
  }
  lines.push(
    "end",
    "local function each(items)",
    "  local at, last, width = items.first - items.width, items.first + items.width * (items.count - 1), items.width",
    "  return function()",
    "    at = at + width",
    "    if at <= last then return unpack(ARGV, at, at + width - 1) end",
    "  end",
    "end",
    "local function refuse(code, message) return redis.error_reply('ESC_' .. code .. ' ' .. message) end",
  );
  return lines.join("\n");
}

// As createKeys names them.
const findKeys = `do
  local prefix, find = arg.prefix, string.find
  local function dashed(letter) return '-' .. string.lower(letter) end
  setmetatable(key, { __index = function(known, name)
    local own = prefix .. (find(name, '%u') and string.gsub(name, '%u', dashed) or name)
    known[name] = own
    return own
  end })
end`;

function lua(name: string): string {
  if (!/^[a-z][A-Za-z0-9_]*$/.test(name))
    throw new EscapementError("INVALID_OPTION", `${name} cannot name a script's input`);
  return name;
}
