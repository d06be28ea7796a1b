import { assert } from '../base/assert.ts';

/** What a row does to a table; the byte is the one of `_VALUE_KIND` and of BinaryRow's header. */
export type RowKind = '+I' | '-U' | '+U' | '-D';

export const rowKinds: readonly RowKind[] = ['+I', '-U', '+U', '-D'];

export const rowKindByte: Readonly<Record<RowKind, number>> = { '+I': 0, '-U': 1, '+U': 2, '-D': 3 };

export function rowKindOf(byte: number): RowKind {
  const kind = rowKinds[byte];
  assert(kind !== undefined, () => `row kind ${byte} is not 0..3`);
  return kind;
}

/** +I and +U put a row there, -U and -D take it away. */
export function isAdd(byte: number): boolean {
  return byte === 0 || byte === 2;
}

const bitsKnown = new WeakMap<Int8Array, number>();

/** The bits of all bytes together, once for each array: 0 when all rows are +I, bit 0 where a row takes its key away. */
export function kindBits(kinds: Int8Array): number {
  const known = bitsKnown.get(kinds);
  if (known !== undefined) return known;
  let bits = 0;
  for (let row = 0; row < kinds.length; row += 1) bits |= kinds[row] ?? 0;
  bitsKnown.set(kinds, bits);
  return bits;
}

/** Whether all rows put a row there. */
export function areAdds(kinds: Int8Array): boolean {
  return (kindBits(kinds) & 1) === 0;
}
