import { loseReplies } from "../faults/link-faults.js";
import type { Random } from "../random.js";
import type { Link } from "../topologies/topology.js";

/**
 * Lets things happen to the driver's own connections, so that it does not hear of all that it asked for.
 *
 * @param unheard called when answers are about to be lost: what is asked for now will be asked for again
 */
export async function disturb(
  { store }: Link,
  random: Random,
  duration: number,
  lasts: (ms: number) => Promise<void>,
  unheard: () => void,
): Promise<void> {
  const until = performance.now() + duration;
  while (performance.now() < until) {
    await lasts(random.between(1500, 5000));
    switch (random.pick(["cut", "lost-replies", "half-open"])) {
      case "cut":
        for (const proxy of store) proxy.cut();
        break;
      case "lost-replies":
        for (const proxy of store) proxy.blockReplies(true);
        unheard();
        await lasts(random.between(20, 400));
        for (const proxy of store) loseReplies(proxy);
        break;
      default:
        for (const proxy of store) proxy.pause();
        await lasts(random.between(300, 3000));
        for (const proxy of store) proxy.resume();
    }
  }
}
