import type { Connection, ScriptValue } from "@escapement/redis/internal";
import { repeat } from "../repeat.js";
import { moveDrop, moveName, movePut } from "../scripts/of-movers.js";
import type { Store } from "../store.js";
import { putWhole } from "./whole.js";

/** What a key can be. */
export type KeyType = "string" | "hash" | "set" | "zset" | "list" | "stream";

/** A member with what it has: a field and its value, a member and its score, an entry's id and its fields. */
export type Item = readonly string[];

/** Some of what is in a key. */
export interface Page {
  readonly type: KeyType;
  /** ms; not above 0: it has no end. */
  readonly ttl: number;
  /** How many items came before; looked at where it is a list. */
  readonly offset: number;
  readonly items: readonly Item[];
}

/** How a page is put. @default neither */
export interface PutOptions {
  /** What is there stays. */
  readonly keep?: boolean;
  /** Nothing of what was there stays. */
  readonly reset?: boolean;
}

const most = { items: 200, size: 1 << 20 } as const;

/** One partition of a namespace that is being moved. What it does can be done again, and is refused once others have begun to move it. */
export class Part {
  readonly store: Store;
  readonly #mark: string;
  readonly #goOn: () => void;

  /** @param goOn throws before the next write if it is to be the last */
  constructor(store: Store, mark: string, goOn: () => void) {
    this.store = store;
    this.#mark = mark;
    this.#goOn = goOn;
  }

  /** Sends what can be sent twice until it is answered. */
  ask<R>(doing: string, command: Parameters<typeof Connection.prototype.run<R>>[1]): Promise<R> {
    return repeat(this.store.deadline, () => this.store.commands.run(doing, command));
  }

  /** The names of its keys, without the prefix, some at a time. A name may come twice, but not among the same. */
  async *keys(start = ""): AsyncGenerator<string[]> {
    const { prefix } = this.store.keys;
    let cursor = "0";
    do {
      const from = cursor;
      const [next, found] = await this.ask("listing keys", (client) =>
        client.scan(from, "MATCH", `${literal(prefix + start)}*`, "COUNT", 1000),
      );
      if (found.length > 0) yield [...new Set(found)].map((key) => key.slice(prefix.length));
      cursor = next;
    } while (cursor !== "0");
  }

  /** What is in a key, page by page; nothing if there is no such key. Members may be taken out meanwhile. */
  async *pages(name: string): AsyncGenerator<Page> {
    const key = this.store.keys.prefix + name;
    const [type, ttl] = (await this.ask("reading a key", (client) =>
      Promise.all([client.type(key), client.pttl(key)]),
    )) as [KeyType | "none", number];
    if (type === "none") return;
    let offset = 0;
    let cursor = type === "stream" ? "-" : "0";
    do {
      const { next, items } = await this.#read(key, type, cursor, offset);
      for (const some of bounded(items)) {
        yield { type, ttl, offset, items: some };
        offset += some.length;
      }
      cursor = next;
    } while (cursor !== "0");
  }

  /** All of a key that is small. */
  async all(name: string): Promise<Item[]> {
    const items: Item[] = [];
    for await (const page of this.pages(name)) items.push(...page.items);
    return items;
  }

  async put(name: string, page: Page, { keep = false, reset = false }: PutOptions = {}): Promise<void> {
    this.#goOn();
    const { keys, commands, deadline } = this.store;
    const values: ScriptValue[] = page.items.flatMap((item) => [item.length, ...item]);
    const { type, ttl, offset } = page;
    const args = { mark: this.#mark, type, keep: keep ? 1 : 0, reset: reset ? 1 : 0, offset, ttl };
    const target = keys.prefix + name;
    await repeat(deadline, () =>
      movePut.run(commands, { keys: { meta: keys.meta, target }, args, lists: { values } }),
    );
  }

  /** Puts a whole key in place of what is there. No items: there is no key then. */
  async replace(
    name: string,
    { type, ttl }: Pick<Page, "type" | "ttl">,
    items: readonly Item[],
  ): Promise<void> {
    const pages = [...bounded(items)].map((some) => ({ type, ttl, offset: 0, items: some }));
    if ((await putWhole(this, name, pages)) === undefined) await this.drop(name, type);
  }

  /**
   * Gives what has been gathered its name, in place of what stands there.
   *
   * @param length how many items it is to have
   */
  async name(
    from: string,
    name: string,
    { type, ttl }: Pick<Page, "type" | "ttl">,
    length: number,
  ): Promise<void> {
    this.#goOn();
    const { keys, commands, deadline } = this.store;
    const [gathered, target] = [keys.prefix + from, keys.prefix + name];
    const args = { mark: this.#mark, type, length, ttl };
    await repeat(deadline, () =>
      moveName.run(commands, { keys: { meta: keys.meta, gathered, target }, args }),
    );
  }

  /** Takes members out of a key; no members: the whole key. */
  async drop(name: string, type: KeyType, members: readonly string[] = []): Promise<void> {
    this.#goOn();
    const { keys, commands, deadline } = this.store;
    const target = keys.prefix + name;
    await repeat(deadline, () =>
      moveDrop.run(commands, {
        keys: { meta: keys.meta, target },
        args: { mark: this.#mark, type },
        lists: { members },
      }),
    );
  }

  async #read(
    key: string,
    type: KeyType,
    cursor: string,
    offset: number,
  ): Promise<{ readonly next: string; readonly items: Item[] }> {
    return this.ask("reading a key", async (client) => {
      switch (type) {
        case "string": {
          const value = await client.get(key);
          return { next: "0", items: value === null ? [] : [[value]] };
        }
        case "hash":
        case "zset": {
          const [next, found] = await (type === "hash"
            ? client.hscan(key, cursor, "COUNT", most.items)
            : client.zscan(key, cursor, "COUNT", most.items));
          return { next, items: pairs(found) };
        }
        case "set": {
          const [next, found] = await client.sscan(key, cursor, "COUNT", most.items);
          return { next, items: found.map((member) => [member]) };
        }
        case "list": {
          const found = await client.lrange(key, offset, offset + most.items - 1);
          const next = found.length < most.items ? "0" : "on";
          return { next, items: found.map((item) => [item]) };
        }
        case "stream": {
          const found = await client.xrange(key, cursor, "+", "COUNT", most.items);
          const next = found.length < most.items ? "0" : `(${found.at(-1)?.[0]}`;
          return { next, items: found.map(([id, fields]) => [id, ...fields]) };
        }
      }
    });
  }
}

function pairs(flat: readonly string[]): Item[] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? "", flat[2 * at + 1] ?? ""]);
}

/** Items in portions of which one script call takes each. */
function* bounded(items: readonly Item[]): Generator<Item[]> {
  let some: Item[] = [];
  let size = 0;
  for (const item of items) {
    const own = item.reduce((sum, text) => sum + text.length, 0);
    if (some.length === most.items || (some.length > 0 && size + own > most.size)) {
      yield some;
      some = [];
      size = 0;
    }
    some.push(item);
    size += own;
  }
  if (some.length > 0) yield some;
}

/** A pattern that fits one text only. */
function literal(text: string): string {
  return text.replace(/[*?[\]^\\]/g, "\\$&");
}
