// In which partition of a namespace something lies, by docs/partitions.md, without any code of the product.

/** What the keys of a partition start with. */
export function prefixOf(namespace: string, partition: number): string {
  return `escapement:{${partition === 0 ? namespace : `${namespace}:${partition}`}}:`;
}

/** The partition of a key, or of a text that has one in it. */
export function partitionOfKey(text: string): number {
  return Number(/\{[^{}]*:(\d+)\}/.exec(text)?.[1] ?? 0);
}

/** The partition in which a job or an enqueued run lives: the slot that its id would have as a key of Redis Cluster, modulo their number. */
export function partitionOf(id: string, partitions: number): number {
  return partitions === 1 ? 0 : (crc16(id) % 16_384) % partitions;
}

/** The same of a run, which is of a job or was enqueued. */
export function partitionOfRun(run: string, partitions: number): number {
  const at = run.lastIndexOf("@");
  return partitionOf(at < 0 ? run : run.slice(0, at), partitions);
}

/** CRC16 as XMODEM has it. */
function crc16(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
