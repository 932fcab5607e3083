// What docs/cli.md shows, in order. To add a command, add what a user would type.

/**
 * One line that is typed.
 *
 * @typedef {object} Typed
 * @property {string} type what a user types; `{run}` stands for the run that `job run` or `run enqueue` queued last,
 *   `{dead}` for the dead letter that was listed last, `{node}` for the node that was started last
 * @property {boolean} [stays] it goes on running, as a node does, while the rest is typed
 * @property {RegExp} [until] of a line that stays: what it prints when the next can be typed
 * @property {RegExp} [settle] of another: it is run again, unseen, until what it prints fits; 90 s at most
 * @property {boolean} [unseen] it prepares what follows, and is not shown
 */

/** @type {{ title: string, text: string, lines: Typed[] }[]} */
export const sections = [
  {
    title: "Nodes",
    text: "A shop has two nodes: one runs what is of the queue `default`, the other what is of `mail`.",
    lines: [
      { type: "escapement node --jobs jobs.mjs", stays: true, until: /^node \w+ runs/m },
      { type: "escapement node --jobs jobs.mjs --queues mail", stays: true, until: /^node \w+ runs/m },
      { type: "escapement leader", settle: / leads in term /, unseen: true },
      { type: "escapement nodes" },
      { type: "escapement leader" },
      { type: "escapement partitions" },
      { type: "escapement top --once" },
      { type: "escapement doctor" },
      { type: "escapement acl operator --user oncall | fold -sw 72" },
      { type: 'escapement nodes drain {node} --reason "new kernel" --for 1h' },
      { type: "escapement nodes undrain {node}" },
      { type: "escapement leader --resign" },
    ],
  },
  {
    title: "Jobs",
    text: "`job list` takes filters: `--match`, `--tag`, `--queue`, `--task` and `--state`.",
    lines: [
      { type: "escapement job list" },
      { type: "escapement job show reports/daily" },
      { type: "escapement job next reports/daily --count 3" },
      {
        type: `escapement job add reports/weekly --task report --cron '30 6 * * mon' --start-at 2030-01-01 --tag reports --input '{"team":"ops"}'`,
      },
      { type: "escapement job add reports/weekly --task report --every 1h" },
      { type: "escapement job update reports/weekly --priority 10 --timeout 5m --retry 3" },
      { type: "escapement job apply jobs.mjs --dry-run" },
      { type: "escapement next --count 3" },
      { type: "escapement events --job reports/weekly" },
    ],
  },
  {
    title: "Running a job by hand",
    text: "A run's id is printed, or, with `--wait`, what came of it. The exit code says whether it succeeded.",
    lines: [
      { type: "escapement job run reports/daily --wait" },
      { type: "escapement run logs {run}" },
      { type: "escapement job run billing/charge --wait" },
      { type: "escapement job history reports/daily" },
      { type: 'escapement job backfill reports/daily --from 2025-03-01 --to "2025-03-03 12:00" --dry-run' },
      {
        type: 'escapement job backfill reports/daily --from 2025-03-01 --to "2025-03-02 12:00" --overlap allow',
      },
    ],
  },
  {
    title: "Pausing",
    text: "A pause holds back all, or what is of a job, tag, queue, task or node. It says why, and may end by itself. What runs goes on.",
    lines: [
      { type: 'escapement pause tag:emea --reason "mail relay is moved" --by ada --for 90m' },
      { type: 'escapement pause job:billing/charge --reason "wrong rates" --by ben' },
      { type: 'escapement pause queue:mail --reason "see ticket 4711" --by ada --until "2030-01-01 09:00"' },
      { type: "escapement pause all" },
      { type: "escapement pause list" },
      { type: "escapement pauses --by ada --match 'queue:*' --json" },
      { type: "escapement job list --state paused" },
      { type: "escapement job show billing/charge | head -7" },
      { type: "escapement resume job:billing/charge" },
      { type: "escapement resume job:billing/charge" },
      { type: "escapement resume tag:emea queue:mail" },
      { type: 'escapement pause --match "billing/*" --reason "end of the month" --by ada' },
      { type: 'escapement resume --match "billing/*"' },
    ],
  },
  {
    title: "Runs",
    text: "Without `--job` or `--task`, `run list` shows what runs now and the dead letters: runs that failed for good.",
    lines: [
      { type: "escapement run enqueue export" },
      { type: "escapement run show {run}", settle: /^state +active/m, unseen: true },
      { type: "escapement run list" },
      { type: 'escapement run cancel {run} --reason "not needed any more"' },
      { type: "escapement run show {run}", settle: /^state +cancelled/m },
      { type: `escapement run enqueue report --input '{"team":"ops"}' --wait` },
      { type: "escapement run list --task report" },
      { type: "escapement run dead" },
      { type: "escapement run retry {dead}" },
      { type: "escapement run dead", settle: /bank/, unseen: true },
      { type: "escapement run redrive --dry-run" },
      { type: "escapement run redrive" },
      { type: "escapement run dead", settle: /bank/, unseen: true },
      { type: "escapement run dead remove --dry-run" },
      { type: "escapement run dead remove --yes" },
    ],
  },
  {
    title: "Crontabs",
    text: "`my.crontab` holds [these two lines](../packages/cli/fixtures/shop/my.crontab).",
    lines: [
      { type: "escapement crontab diff my.crontab" },
      { type: "escapement crontab import my.crontab" },
      { type: "escapement crontab export --file my.crontab" },
      { type: "escapement completion bash" },
    ],
  },
  {
    title: "Removing jobs",
    text: "Everything that deletes has a `--dry-run`. More than one job by a filter is asked for, or needs `--yes`.",
    lines: [
      { type: 'escapement job remove --match "billing/*" --dry-run' },
      { type: 'escapement job remove --match "billing/*" --yes' },
      { type: "escapement job remove reports/weekly" },
      { type: "escapement job remove reports/weekly" },
    ],
  },
];
