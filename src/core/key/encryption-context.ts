/**
 * The encryption context: pairs that are no secret, and without which a ciphertext does not open. Here are its canonical
 * bytes, which the cipher authenticates, and what policies and grants see of it. Pure.
 */

export type EncryptionContext = Readonly<Record<string, string>>;

const encoder = new TextEncoder();

/** Sorted pairs, each text framed by its length, so that no two contexts give the same bytes. */
export function contextBytes(context: EncryptionContext): Uint8Array {
  const texts = Object.entries(context)
    .map((pair) => pair.map((text) => encoder.encode(text)) as [Uint8Array, Uint8Array])
    .sort(([a], [b]) => compareBytes(a, b))
    .flat();
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + 4 + text.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of texts) {
    view.setUint32(at, text.length);
    bytes.set(text, at + 4);
    at += 4 + text.length;
  }
  return bytes;
}

/**
 * Keys that differ only by case: policies could not tell them apart, so a second one could hide behind the first.
 * `undefined` when there are none.
 */
export function ambiguousKey(context: EncryptionContext): string | undefined {
  const seen = new Set<string>();
  for (const key of Object.keys(context)) {
    const lower = key.toLowerCase();
    if (seen.has(lower)) return key;
    seen.add(lower);
  }
  return undefined;
}

/** See "kms:EncryptionContext:context-key" and "kms:EncryptionContextKeys". */
export function contextConditions(context: EncryptionContext): Record<string, string | readonly string[]> {
  const conditions: Record<string, string | readonly string[]> = {};
  for (const [key, value] of Object.entries(context)) conditions[`kms:EncryptionContext:${key}`] = value;
  const keys = Object.keys(context);
  if (keys.length > 0) conditions['kms:EncryptionContextKeys'] = keys;
  return conditions;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
