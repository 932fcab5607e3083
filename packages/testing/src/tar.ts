const block = 512;

/**
 * The content of the one file that a container engine hands out as a tar archive: a header of 512 bytes with the
 * size, in octal, at byte 124, then the content.
 */
export async function onlyFileOf(archive: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk));
  const tar = Buffer.concat(chunks);
  const size = Number.parseInt(tar.toString("latin1", 124, 136), 8);
  if (Number.isNaN(size) || tar.length < block + size) throw new Error("Not a tar archive of one file");
  return tar.subarray(block, block + size);
}
