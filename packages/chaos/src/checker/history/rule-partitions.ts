import type { DumpedKey } from "../../evidence/store-dump.js";
import { partitionOf, partitionOfRun } from "../../partitions.js";
import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Told } from "./told.js";

/** Keys whose members or fields are jobs, or runs, by docs/redis-layout.md. */
const ofJobs = /^(jobs|state|due|parked|frozen|paced|resume-now|retention|counts|running)$/;
const ofRuns =
  /^(waiting|unstarted|requeued|blocked|paused|limited|holds|runs|attempts|progress|finished|dead-letters|(ready|full|active|held|cancelled):.*)$/;
const isOfJob = /^(history|failures|results):([^~].*)$/;

/** Where there are several partitions, whatever is told or kept of a job or a run is so in the one in which it lives. */
export const everythingIsInItsPlace: HistoryRule = ({ told, evidence, parts }) => {
  const { length: partitions } = parts;
  if (partitions === 1) return [];
  const found = (at: number, name: string, where: string, partition: number): Finding => ({
    rule: "misplaced",
    at,
    message: `${name} is ${where} in partition ${partition}, and lives in ${partitionOfRun(name, partitions)}.`,
    about: [name],
  });
  return [
    ...told.flatMap((line): Finding[] => {
      const name = subjectOf(line);
      if (name === undefined || partitionOfRun(name, partitions) === line.partition) return [];
      return [found(line.t, name, "told of", line.partition)];
    }),
    ...factsOf(evidence, "store").flatMap(({ dump, at, partition = 0 }) =>
      Object.entries(dump).flatMap(([key, kept]) =>
        namesIn(key, kept).flatMap((name) =>
          placeOf(name, partitions) === partition ? [] : [found(at, name, `in ${key}`, partition)],
        ),
      ),
    ),
  ];
};

/** The job or run that a line is about. */
function subjectOf(line: Told): string | undefined {
  if (line.what !== "other") return line.run;
  return /^(job|autoPaused)/.test(line.word) ? line.subject : undefined;
}

function placeOf(name: string, partitions: number): number {
  return name.includes("@") ? partitionOfRun(name, partitions) : partitionOf(name, partitions);
}

function namesIn(key: string, { value }: DumpedKey): readonly string[] {
  const [, , job] = isOfJob.exec(key) ?? [];
  if (job !== undefined) return [job];
  if (!(ofJobs.test(key) || ofRuns.test(key)) || value === undefined || typeof value === "string") return [];
  return Array.isArray(value) ? [...(value as readonly string[])] : Object.keys(value);
}
