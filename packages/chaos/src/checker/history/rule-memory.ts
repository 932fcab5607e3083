import { factsOf } from "../case.js";
import type { HistoryRule } from "./finding.js";

/** Bytes that an entry of what stays may take on average, in the histories, results and streams: docs/redis-layout.md bounds each. */
const ofEntry = 500;
/** Bytes of a key and what stands around its entries. */
const ofKey = 1000;
/** Bytes that data may grow by besides what is found in keys, and by a part of that: tables of keys, what an allocator rounds up, what Lua holds. */
const around = 4_000_000;
const rounding = 1.25;

/** When all has gone the store's data take no more than what stays of them, which is bounded, and hardly more than the keys that are there. */
export const memoryIsBack: HistoryRule = ({ evidence }) => {
  const memory = factsOf(evidence, "memory");
  const before = memory.find(({ when }) => when === "begun");
  const after = memory.find(({ when }) => when === "stopped");
  const dumps = factsOf(evidence, "store").filter(({ when }) => when === "stopped");
  if (before === undefined || after === undefined || dumps.length === 0) return [];
  const sizes = dumps.flatMap(({ dump }) => Object.values(dump).map(({ size }) => size));
  const stays = before.ofKeys + sizes.reduce((sum, size) => sum + size, 0) * ofEntry + sizes.length * ofKey;
  const found = (message: string): ReturnType<HistoryRule>[number] => {
    return { rule: "memory", at: after.at, message, about: [], explainedByLoss: false };
  };
  const grown = after.data - before.data;
  const most = after.ofKeys * rounding + around;
  return [
    ...(after.ofKeys <= stays
      ? []
      : [
          found(
            `What stays takes ${after.ofKeys} bytes in ${after.keys} keys; its entries may take ${stays}.`,
          ),
        ]),
    ...(grown <= most
      ? []
      : [found(`The store's data grew by ${grown} bytes, and its keys take ${after.ofKeys} of them.`)]),
  ];
};
