/** Order and equality of bytes, as unsigned numbers. */

/** Byte by byte, then the shorter one first. @returns below 0, 0 or above 0 */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

/** Values end to end: value i is the bytes [offsets[i], offsets[i + 1]) of the view. */
export type ByteValues = { readonly view: DataView; readonly offsets: Int32Array };

/** Two of them as `compareBytes` does, four bytes at a time: as big-endian numbers they are in the order of the bytes. */
export function compareValues({ view, offsets }: ByteValues, a: number, b: number): number {
  const startA = offsets[a] ?? 0;
  const startB = offsets[b] ?? 0;
  const lengthA = (offsets[a + 1] ?? 0) - startA;
  const lengthB = (offsets[b + 1] ?? 0) - startB;
  const length = lengthA < lengthB ? lengthA : lengthB;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const difference = view.getUint32(startA + at) - view.getUint32(startB + at);
    if (difference !== 0) return difference;
  }
  for (; at < length; at += 1) {
    const difference = view.getUint8(startA + at) - view.getUint8(startB + at);
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}
