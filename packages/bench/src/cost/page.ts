import { surroundings } from "../surroundings.js";
import { table } from "../table.js";
import {
  beyond,
  costCells,
  dash,
  markdown,
  namedCells,
  optionHead,
  short,
  trafficCells,
  trafficHead,
} from "./cells.js";
import type { CostFigures } from "./figures.js";
import type { Idle } from "./idle.js";
import type { Cost } from "./measure.js";
import { noTraffic, type Traffic } from "./meter.js";

/** For the terminal: what docs/cost.md says, without the words. */
export function costLines(figures: CostFigures): string[] {
  const { plain, rows, enqueued, situations, neighbours } = figures;
  const cells = ({ name }: Cost, rest: readonly string[]): string[] => [name, ...rest];
  return [
    `${figures.redis}. Plain, in full; with an option, what it adds; enqueued, in full`,
    ...table(
      ["", ...optionHead],
      [
        cells(plain, costCells(plain)),
        ...rows.map((row) => cells(row, costCells(beyond(row, plain)))),
        ...enqueued.map((row) => cells(row, costCells(row))),
      ],
    ),
    "",
    ...table(["the second of two that meet adds", ...trafficHead], situations.map(namedCells)),
    "",
    ...table(["to a plain run, others add that", ...trafficHead], neighbours.map(namedCells)),
  ];
}

/** docs/cost.md. */
export function costPage(figures: CostFigures): string {
  const { plain, situations, neighbours, idle, amounts } = figures;
  return `${introduction(figures)}
${plainSection(plain)}
${optionsSection(figures)}
## When runs meet

What the second of two runs adds to the first, which has the same options. (A plain run of its own: ${plain.alone.sent} round trips, ${plain.alone.calls} commands.)

${markdown(
  ["", ...trafficHead, "where from"],
  situations.map((one) => [...namedCells(one).map(dash), one.why ?? ""]),
)}

## What others' options cost a plain run

Some options have an index of their own for all jobs of a namespace: while there is something in it, each claim or completion looks there, once for all its runs. This is what a
plain run, alone, then costs more; as soon as the index is empty it is nothing again.

${markdown(
  ["while other jobs", ...trafficHead],
  neighbours.map((one) => namedCells(one).map(dash)),
)}

${idleSection(idle)}
Stored bytes are of ${amounts.jobs} jobs with a run each, and of ${amounts.ended} runs of one job after its first.
`;
}

function introduction({ redis }: CostFigures): string {
  const { date, node } = surroundings([]);
  return `# What a run costs Redis

Counts, not times: they are the same on any machine. Measured on ${date.slice(0, 10)} with ${redis} and Node ${node.slice(1)}; the namespace's store holds the
locks (no voters). This page is made by a command, which measures everything anew in about three minutes:

\`\`\`sh
npm run bench -- --only cost --docs    # writes this page; --json <file> for all figures
\`\`\`

- *Round trips* are commands that the leader and a node send; a call of a script is one. *Commands* are what the scripts call within Redis.
- *Bytes* are what Redis received and answered, in its protocol, or what \`MEMORY USAGE\` says of the keys: Redis allocates in steps, so that a few bytes
  more may cost none or 16, and up to 4 are chance and not shown.
- *Alone*: one run, from its fire time to its end, with nothing else going on. *Of 100*: a run's share where 100 are due at once on a node that runs as many, and end at once.
  What runs in practice lies between the two. Tables say “of 100” where they mean it.
- Jobs have ids of 20 characters and a daily cron expression. Not counted: what Redis sends to nodes that listen on \`wake\` (some 70 bytes a node for each message).
`;
}

function optionsSection({ plain, rows, enqueued }: CostFigures): string {
  return `## What an option adds

To a plain run and a plain job. “–” is nothing. An option that a job does not use is in none of its records, keys or runs. What is left of options that no job of the namespace
uses are looks whether their indexes are there: at most ${short(plain.alone.looks)} of the ${short(plain.alone.calls)} commands of a plain run alone, most of them once a step and not once a run, so that of 100 a
run's share is ${plain.together.looks.toFixed(1)}.

${markdown(
  ["option", ...optionHead, "where from"],
  rows.map((row) => [row.name, ...costCells(beyond(row, plain)).map(dash), row.why]),
)}

## Enqueued runs

In full, not beyond a plain run: there is no job, and no leader takes part.

${markdown(
  ["run", ...optionHead.slice(1), "where from"],
  enqueued.map((row) => [row.name, ...costCells(row).slice(1).map(dash), row.why]),
)}
`;
}

function plainSection({ alone, together, steps, stored }: Cost): string {
  const named = {
    materialise: "materialised by the leader",
    claim: "claimed",
    complete: "completed",
  } as const;
  const shown = Object.entries(named).map(([step, name]) => [
    name,
    ...trafficCells(steps[step as keyof typeof named] ?? noTraffic),
  ]);
  return `## A plain run

${plainSentence({ alone, together })}

${markdown(
  ["alone", ...trafficHead],
  [...shown, ["**in all**", ...trafficCells(alone)], ["**of 100**", ...trafficCells(together)]],
)}

Most round trips of a run alone are the leader's, its look at what is due before and after. They are the same for one run and for hundreds: the leader takes 200 jobs a call, and
a node completes up to 500 runs a call and claims as many as it has slots for, and such as it is about to have slots for ([decision 0023](decisions/0023-claims-ahead.md)).

| stored | bytes |
| --- | ---: |
| a job | ${short(stored.job)} |
| a run that waits for its time | ${short(stored.waitingRun)} |
| the first run of a job that has ended | ${short(stored.firstEnded)} |
| each further one, up to what \`retain\` and the stream of events keep | ${short(stored.ended)} |
`;
}

/** What a plain run costs, in a sentence that changes with it. */
export function plainSentence({ alone, together }: Pick<Cost, "alone" | "together">): string {
  return `Alone it takes ${alone.sent} round trips and ${alone.calls} commands within scripts; of 100, ${short(together.sent)} round trips and ${short(together.calls)} commands.`;
}

function idleSection({ leader, follower, seconds }: Idle): string {
  const row = (name: string, { calls, bytesIn, bytesOut }: Traffic): string[] => [
    name,
    ...[calls, bytesIn, bytesOut].map(short),
  ];
  return `## Nodes with nothing to do

With default settings, by the minute, over ${seconds} s: heartbeats, the leader's lease, the slow polls. All commands, those that nodes send and those that scripts call.

${markdown(
  ["node", "commands", "bytes in", "bytes out"],
  [row("the leader, which also works", leader), row("each other node", follower)],
)}
`;
}
