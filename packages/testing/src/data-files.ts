/** The name of the snapshot in a server's data folder. */
export const rdbFile = "dump.rdb";

/** The folder of the append-only files in a server's data folder. */
export const aofFolder = "appendonlydir";

/**
 * The files that make a server start with the data of an RDB file, whether it has an append-only file or not: with
 * one, Redis 7 reads nothing but what the manifest names, so the RDB becomes the base that it names. The empty
 * increment is named too, since Redis would otherwise append to what an earlier life left under that name.
 */
export function filesFrom(rdb: Buffer): Map<string, Buffer> {
  const base = "appendonly.aof.1.base.rdb";
  const increment = "appendonly.aof.1.incr.aof";
  const manifest = `file ${base} seq 1 type b\nfile ${increment} seq 1 type i\n`;
  return new Map([
    [rdbFile, rdb],
    [`${aofFolder}/${base}`, rdb],
    [`${aofFolder}/${increment}`, Buffer.alloc(0)],
    [`${aofFolder}/appendonly.aof.manifest`, Buffer.from(manifest)],
  ]);
}
