import slotOf from "cluster-key-slot";

/**
 * The partition in which a job, or an enqueued run, lives: its slot in Redis Cluster, were its id the whole key, modulo the number of partitions.
 *
 * @param id of a job, or of an enqueued run; a run of a job lives where its job does
 */
export function partitionOf(id: string, partitions: number): number {
  return partitions === 1 ? 0 : slotOf(id) % partitions;
}
