import type { Item, Page, Part } from "./part.js";

/**
 * Puts pages in place of what a key of a partition has. What stands under its name is whole at any time, whenever this ends, so that it can be taken for the
 * truth: several pages are gathered under another name before. No page: what is there stays.
 *
 * @returns the last page, if there was any
 */
export async function putWhole(
  part: Part,
  name: string,
  pages: AsyncIterable<Page> | Iterable<Page>,
): Promise<Page | undefined> {
  const gathered = `moving:${name}`;
  const isNew = onlyOnce();
  let length = 0;
  let last: Page | undefined;
  for await (const page of pages) {
    if (last !== undefined) await part.put(gathered, { ...last, ttl: -1 }, { reset: last.offset === 0 });
    const items = page.type === "list" ? page.items : page.items.filter(isNew);
    last = { ...page, offset: length, items };
    length += items.length;
  }
  if (last === undefined) return undefined;
  if (last.offset === 0) await part.put(name, last, { reset: true });
  else {
    await part.put(gathered, { ...last, ttl: -1 });
    await part.name(gathered, name, last, length);
  }
  return last;
}

/** Whoever scans a key may meet a member twice. */
function onlyOnce(): (item: Item) => boolean {
  const seen = new Set<string>();
  return ([member = ""]) => seen.size < seen.add(member).size;
}
