import type { Connection } from "@escapement/redis/internal";

/**
 * Listens for resignations. Nothing depends on it: without it, followers find a free lease when they next look.
 *
 * @param heard called with the id of who resigned, or with nothing if a resignation may have been missed
 * @returns what ends the listening; the connection stays open
 */
export function listenForResignations(
  subscriber: Connection,
  channel: string,
  heard: (id?: string) => void,
): () => void {
  const onMessage = (from: string, id: string): void => {
    if (from === channel) heard(id);
  };
  const subscribe = (): void => {
    // Fails only if the connection broke again, and then this is called once more.
    subscriber.client.subscribe(channel).then(
      () => heard(),
      () => {},
    );
  };
  subscriber.client.on("message", onMessage);
  subscriber.on("restored", subscribe);
  if (subscriber.isReady) subscribe();
  return () => {
    subscriber.client.off("message", onMessage);
    subscriber.off("restored", subscribe);
    if (subscriber.isReady) subscriber.client.unsubscribe(channel).catch(() => {});
  };
}
