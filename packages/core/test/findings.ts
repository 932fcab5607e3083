import type { Finding, Scheduler } from "../src/index.js";

const levels: readonly Finding["level"][] = ["ok", "warning", "error"];
const badness = ({ level }: Finding): number => levels.indexOf(level);
const ofSome = /^Partitions? [\d, ]+: /;

/** What the doctor finds of one check, as one partition has it: of what only some partitions say the worst, without their numbers; what is well first. */
export async function findingsOf(scheduler: Scheduler, check: string): Promise<Finding[]> {
  const all = (await scheduler.doctor()).filter((finding) => finding.check === check);
  const worst = Math.max(...all.map(badness));
  return all
    .filter((finding) => !ofSome.test(finding.message) || badness(finding) === worst)
    .map((finding) => ({ ...finding, message: finding.message.replace(ofSome, "") }))
    .sort((one, other) => badness(one) - badness(other));
}
