import { listPauses } from "../read-pauses.js";
import { about, type Finding, lasted } from "./finding.js";
import type { Inspection } from "./picture.js";

/** How many pauses are told of one by one. */
const told = 20;

/** Pauses that somebody may have forgotten: those that last longer than the option `pausedTooLong`. */
export async function examinePauses({ store, settings, picture }: Inspection): Promise<Finding[]> {
  const { ok, warning } = about("pauses");
  const { now } = await picture();
  const pauses = await listPauses(store);
  const long = pauses.filter(
    ({ since }) => since !== undefined && now - since.getTime() > settings.pausedTooLong,
  );
  if (long.length === 0)
    return [ok(pauses.length === 0 ? "Nothing is paused." : `${pauses.length} paused, none for long.`)];
  const findings = long.slice(0, told).map(({ target, reason, by, since, until }) => {
    const ends = until === undefined ? "it has no end of its own" : `it ends at ${until.toISOString()}`;
    return warning(
      `${target} has been paused for ${lasted(now - (since?.getTime() ?? now))} by ${by ?? "somebody unnamed"} ("${reason}"), and ${ends}. ` +
        `Nothing of it starts. Is that still wanted? If not, resume it: escapement resume ${target}.`,
    );
  });
  const rest = long.length - told;
  return rest > 0 ? [...findings, warning(`${rest} more are paused for as long.`)] : findings;
}
