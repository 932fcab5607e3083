import { inputText } from "../../evidence/input-text.js";
import type { Finding, HistoryRule } from "./finding.js";
import { ordersOf } from "./versions.js";

/** A handler is handed the input that its run was enqueued with, or that its job had when the attempt was given out. */
export const inputsArrive: HistoryRule = (ledger) => {
  const orders = ordersOf(ledger);
  return [...ledger.runs.values()].flatMap(({ id, begins, claims }) =>
    begins.flatMap((begin): Finding[] => {
      const claim = claims.find(({ token }) => token === begin.token);
      const given = orders(id, claim, begin.at).map(({ input }) => inputText(input));
      if (given.length === 0 || given.includes(begin.input)) return [];
      const message = `${id}#${begin.attempt} on ${begin.node} was handed ${begin.input ?? "no input"}, and was to get ${given.map((one) => one ?? "none").join(" or ")}.`;
      return [{ rule: "input", at: begin.at, message, about: [id] }];
    }),
  );
};
