/** Bytes one after the other, in a buffer of their own. */

/** Unlike `Buffer.concat`, the result never lies in Node's shared pool, so that its `buffer` is all its own. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const byteLength = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(byteLength);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
