/**
 * Identifiers inside a decision: chance comes with the event, and ids are derived from it, so that the same event
 * gives the same ids wherever it is decided. Pure; the secure source is in `chance.ts`.
 */

/** A version 4 UUID out of an event's chance; `index` tells several ids of one event apart. */
export function deriveUuid(chance: string, index: number): string {
  const words = mix(chance, index);
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** `length` characters of `alphabet` out of an event's chance. */
export function deriveText(chance: string, index: number, alphabet: string, length: number): string {
  let text = '';
  for (let block = 0; text.length < length; block++) {
    for (const word of mix(chance, index * 1024 + block)) text += alphabet[word % alphabet.length];
  }
  return text.slice(0, length);
}

/** Four well-mixed 32-bit words (cyrb128) of the chance and an index; not a secret, only spread. */
function mix(chance: string, index: number): [number, number, number, number] {
  const text = `${chance}:${index}`;
  let a = 1779033703;
  let b = 3144134277;
  let c = 1013904242;
  let d = 2773480762;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = b ^ Math.imul(a ^ code, 597399067);
    b = c ^ Math.imul(b ^ code, 2869860233);
    c = d ^ Math.imul(c ^ code, 951274213);
    d = a ^ Math.imul(d ^ code, 2716044179);
  }
  a = Math.imul(c ^ (a >>> 18), 597399067);
  b = Math.imul(d ^ (b >>> 22), 2869860233);
  c = Math.imul(a ^ (c >>> 17), 951274213);
  d = Math.imul(b ^ (d >>> 19), 2716044179);
  return [(a ^ b ^ c ^ d) >>> 0, (b ^ a) >>> 0, (c ^ a) >>> 0, (d ^ a) >>> 0];
}
