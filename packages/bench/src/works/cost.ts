import { costFigures } from "../cost/figures.js";
import { costLines, costPage } from "../cost/page.js";
import type { Work } from "./work.js";

/** What a run and a job cost Redis: counts, not times, so that they are the same on any machine. */
export const cost: Work = {
  name: "cost",
  about:
    "commands and bytes that a run and a job cost Redis, plain and with each option; --docs writes docs/cost.md",
  run: async ({ jobs, rounds }) => {
    const isQuick = rounds < 3;
    const figures = await costFigures(
      isQuick ? { jobs: Math.min(jobs, 100), ended: 5 } : { jobs: 1000, ended: 20 },
      isQuick ? 1000 : 60_000,
    );
    return {
      lines: costLines(figures),
      figures,
      ...(!isQuick && { page: { file: "docs/cost.md", text: costPage(figures) } }),
    };
  },
};
