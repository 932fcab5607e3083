/**
 * Mixes a text and a number to 32 bits that look random: FNV-1a over the text, then a multiply-xorshift finish. Not
 * cryptographic. Part of the stored format: changing it would move the fire times of jobs that exist.
 *
 * @param number an integer of up to 53 bits
 * @returns an integer from 0 to 2^32 − 1
 */
export function hash32(text: string, number: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = mix(hash ^ (number | 0));
  hash = mix(hash ^ Math.floor(number / 0x1_0000_0000));
  return hash >>> 0;
}

function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}
