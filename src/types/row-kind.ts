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
