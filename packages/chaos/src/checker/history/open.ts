import type { Ledger } from "./ledger.js";
import { enqueuedRunsStart, runsByHandStart } from "./rule-asked.js";
import { accountForFireTimes } from "./rule-fire-times.js";
import { oneOffsRunOnce } from "./rule-one-offs.js";

/** What is still to come in any partition. */
export function openIn(ledger: Ledger, until: number): string[] {
  return ledger.parts.flatMap((part) => openInPart(part, until));
}

/** What is still to come: fire times, enqueued runs and runs by hand that have neither started nor a reason, and attempts that have not ended. */
function openInPart(ledger: Ledger, until: number): string[] {
  const fires = accountForFireTimes(ledger, until).open.map(({ job, time }) => `${job}@${time}`);
  const asked = [enqueuedRunsStart, runsByHandStart, oneOffsRunOnce].flatMap((rule) =>
    rule(ledger).flatMap((found) => (found.rule === "missed" ? found.about : [])),
  );
  const enqueued = new Set(
    ledger.operations.flatMap(({ does }) => (does.do === "enqueue" ? does.runs.map(({ id }) => id) : [])),
  );
  const running = [...ledger.runs.values()].flatMap(({ id, job, claims, ends }) => {
    const last = claims.at(-1);
    if (last === undefined || last.t > until) return [];
    // Impostors enqueue what they hand back, and nobody waits for that.
    const isSettled = ledger.begun.has(last.token) || ledger.ended.has(last.token);
    if (!isSettled && job === undefined && !enqueued.has(id)) return [];
    // What only went with its job when all were removed had not come to anything by then.
    const back = ledger.backBy(last);
    const went = back?.what === "other" && back.word === "jobRemoved" && back.t > until;
    if (back !== undefined && !went) return [];
    return ends.some(({ what, index }) => what === "ended" && index > last.index) ? [] : [id];
  });
  return [...new Set([...fires, ...asked, ...running])];
}
