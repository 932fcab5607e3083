import type { Ratios } from "./compare.js";
import { markdown } from "./cost/cells.js";
import type { Section } from "./section.js";
import type { Surroundings } from "./surroundings.js";

/** What docs/benchmarks.json holds: the works that docs/benchmarks.md is made of, each as it was done last, and their ratios for `--compare`. */
export interface Benchmarks {
  readonly works: Readonly<Record<string, StoredWork>>;
  readonly ratios: Ratios;
}

/** A work's part of it. */
export interface StoredWork {
  readonly where: Surroundings;
  readonly section: Section;
  readonly ratios: Ratios;
}

/** Puts works in the place of what was stored of them; `order` is that of all works. */
export function withWorks(
  stored: Benchmarks | undefined,
  works: Readonly<Record<string, StoredWork>>,
  order: readonly string[],
): Benchmarks {
  const all = { ...stored?.works, ...works };
  const kept = order.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]] as const]));
  return {
    works: Object.fromEntries(kept),
    ratios: Object.assign({}, ...kept.map(([, { ratios }]) => ratios)) as Ratios,
  };
}

/** docs/benchmarks.md. `contestants`: what there is to know of each. */
export function benchmarksPage(
  { works }: Benchmarks,
  contestants: readonly { readonly name: string; readonly about: string }[],
): string {
  return `# Benchmarks

The same work done by Escapement and by its peers, in turn, in one run, on one Redis of its own (default settings, no persistence) on the same machine, which the
Redis, the contestants and the measuring share. Figures are medians of the rounds. The last column says how many times better Escapement came off than BullMQ, of the
medians, with the round that was worst for Escapement and the one that was best: above 1 it did more, or took less. Look at ratios: on another machine all figures are others.

\`\`\`sh
npm run bench -- --docs                                   # all works; writes this page and benchmarks.json
npm run bench -- --only no-op enqueue --json report.json  # some of them
npm run bench -- --compare docs/benchmarks.json           # exit code 1 where a ratio has fallen by more than --tolerance (25) percent
\`\`\`

- Every contestant is set up for its best fair figure, by its own documentation. A dash: it has no such thing, or is slower by far and takes part in one row only.
- Runs are queued beforehand, carried out by worker processes of their own, and counted in the handlers. The first tenth of a sample is not counted. That each run was
  done exactly once is checked after each sample.
- Escapement and some peers do in one request what is there to do at once. Where there is but one thing there are no batches: runs queued one by one, and handlers of 1 ms at concurrency 1.

| contestant | as it is set up, and what it does less or more |
| --- | --- |
${contestants.map(({ name, about }) => `| ${name} | ${about} |`).join("\n")}

${Object.values(works).map(sectionText).join("\n")}`;
}

function sectionText({ where, section: { title, head, rows, notes } }: StoredWork): string {
  const { date, node, machine, packages } = where;
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return `## ${title}

${markdown(head, rows)}

${notes.map((note) => `- ${note}`).join("\n")}
- Measured on ${date.slice(0, 10)}, ${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, Node ${node.slice(1)}; ${versions.join(", ")}.
`;
}
