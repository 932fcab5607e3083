import type { Connection } from "@escapement/redis/internal";

/** What is published: who resigns, and who should lead next, if it matters. */
export function resignation(id: string, successor: string): string {
  return successor === "" ? id : `${id}\n${successor}`;
}

/**
 * Listens for resignations. Nothing depends on it: without it, followers find a free lease when they next look.
 *
 * @param heard called with the id of who resigned, and of who should lead next; or with nothing if a resignation may have been missed
 * @returns what ends the listening; the connection stays open
 */
export function listenForResignations(
  subscriber: Connection,
  channel: string,
  heard: (id?: string, successor?: string) => void,
): () => void {
  const onMessage = (from: string, message: string): void => {
    if (from !== channel) return;
    const [id, successor] = message.split("\n");
    heard(id, successor);
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
