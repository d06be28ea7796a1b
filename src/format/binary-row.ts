/**
 * Paimon's BinaryRow: one row as bytes whose equality is the row's equality. Partitions, keys and statistics are stored
 * so, and buckets are chosen by its hash. Little-endian; a header byte, null bits, a slot of 8 bytes a field, then what
 * does not fit into slots.
 *
 * A row is either bare (`encodeBinaryRow`) or serialized, with 4 bytes of arity before it, big-endian (`serializeRow`).
 *
 * @see spec 5.1, 5.3, Paimon 1.4.2 BinaryRow, BinaryRowWriter, SerializationUtils
 */
import { assert } from '../base/assert.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { checkedRow, readSlot } from './binary-row-reader.ts';
import { writeRow } from './binary-row-writer.ts';

/** The serialized row without fields: the partition of an unpartitioned table, the key of an append table. */
export const emptyRow: Uint8Array = new Uint8Array(12);

/**
 * A bare row.
 *
 * @param kind the header byte, 0 everywhere but in rows that carry their kind
 * @throws LakeError `unsupported` for a value of a nested type
 */
export function encodeBinaryRow(types: readonly DataType[], values: readonly Scalar[], kind = 0): Uint8Array {
  return writeRow(types, values, { prefixBytes: 0, kind });
}

/** A row with its arity before it, as it stands in manifests. */
export function serializeRow(types: readonly DataType[], values: readonly Scalar[]): Uint8Array {
  if (types.length === 0) return emptyRow;
  const bytes = writeRow(types, values, { prefixBytes: 4, kind: 0 });
  new DataView(bytes.buffer).setInt32(0, types.length);
  return bytes;
}

/**
 * The values of a serialized row.
 *
 * @throws LakeError `corrupt` LAKE_CORRUPT_ROW when the bytes are no such row, `unsupported` for a nested value
 */
export function deserializeRow(bytes: Uint8Array, types: readonly DataType[]): Scalar[] {
  const read = rowReader(bytes, types);
  return types.map((_, index) => read(index));
}

/** Access to single fields of a serialized row; a field that cannot be read does not stand in the way of the others. */
export function rowReader(bytes: Uint8Array, types: readonly DataType[]): (index: number) => Scalar {
  const row = checkedRow(bytes, types.length);
  return index => {
    const type = types[index];
    assert(type !== undefined, () => `field ${index} of ${types.length}`);
    if (row.isNull(index)) return null;
    return readSlot(row, type, index);
  };
}
