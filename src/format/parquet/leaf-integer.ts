/**
 * Integers of a file in the width of the column's type. One that does not fit is the file's fault.
 */
import { bitAt } from '../../types/column-buffers.ts';
import type { DataField } from '../../types/data-type.ts';
import { corruptParquet } from './fault.ts';
import type { SchemaElement } from './footer.ts';
import type { ValueStep } from './leaf-time.ts';
import type { DecodedColumn } from './wasm-door.ts';

type Narrow = Int8Array | Int16Array | Int32Array;

/** Into the column form of an integer type; undefined when the leaf is no integer. */
export function integerStep(leaf: SchemaElement, field: DataField, where: string): ValueStep | undefined {
  const { kind } = field.type;
  if (leaf.physical === 'int64') {
    if (kind === 'bigint') return decoded => decoded.values;
    return decoded => narrowed(decoded, lowWords(decoded, field, where), { field, where });
  }
  if (leaf.physical !== 'int32') return undefined;
  if (kind === 'int') return decoded => decoded.values;
  if (kind === 'bigint') return decoded => widened(int32s(decoded, decoded.length));
  return decoded => narrowed(decoded, int32s(decoded, decoded.length), { field, where });
}

function int32s({ values }: DecodedColumn, count: number): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, count);
}

function widened(ints: Int32Array): Uint8Array {
  const words = new Int32Array(ints.length * 2);
  for (let row = 0; row < ints.length; row += 1) {
    const value = ints[row] ?? 0;
    words[row * 2] = value;
    words[row * 2 + 1] = value >> 31;
  }
  return new Uint8Array(words.buffer);
}

/** 64-bit values that are int32. Null rows may hold anything, and become 0. */
function lowWords(decoded: DecodedColumn, field: DataField, where: string): Int32Array {
  const words = int32s(decoded, decoded.length * 2);
  const lows = new Int32Array(decoded.length);
  for (let row = 0; row < lows.length; row += 1) {
    const low = words[row * 2] ?? 0;
    const high = words[row * 2 + 1] ?? 0;
    if (high === low >> 31) lows[row] = low;
    else allowNull(decoded, row, () => misfit((BigInt(high) << 32n) | BigInt(low >>> 0), field, where));
  }
  return lows;
}

function narrowed(
  decoded: DecodedColumn,
  ints: Int32Array,
  { field, where }: { readonly field: DataField; readonly where: string },
): Narrow {
  const { kind } = field.type;
  if (kind === 'int') return ints;
  const signBit = kind === 'tinyint' ? 7 : 15;
  // The bits that differ from the sign's, of all values together: the engine's copy drops what lies above.
  let bits = 0;
  for (let row = 0; row < ints.length; row += 1) {
    const value = ints[row] ?? 0;
    bits |= value ^ (value >> 31);
  }
  const fitting = bits >> signBit === 0 ? ints : withoutMisfits(decoded, ints, { field, where, signBit });
  return kind === 'tinyint' ? new Int8Array(fitting) : new Int16Array(fitting);
}

/** Zeros for what does not fit in null rows. */
function withoutMisfits(
  decoded: DecodedColumn,
  ints: Int32Array,
  { field, where, signBit }: { readonly field: DataField; readonly where: string; readonly signBit: number },
): Int32Array {
  return ints.map((value, row) => {
    if ((value ^ (value >> 31)) >> signBit === 0) return value;
    allowNull(decoded, row, () => misfit(value, field, where));
    return 0;
  });
}

function allowNull({ nullBitmap }: DecodedColumn, row: number, error: () => Error): void {
  if (nullBitmap === undefined || bitAt(nullBitmap, row) === 1) throw error();
}

function misfit(value: number | bigint, { name, type }: DataField, where: string): Error {
  return corruptParquet(where, `column ${name} holds ${value}, its schema says ${type.kind.toUpperCase()}`);
}
