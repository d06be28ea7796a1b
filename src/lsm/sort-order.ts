/**
 * Orders in which the rows of an append table can be laid down: by columns, or along a space-filling curve over them, so
 * that a filter on any of them leaves most files out.
 */
import { invalid } from '../base/errors.ts';
import type { SortOrder } from '../format/clustering-options.ts';
import { columnReader } from '../types/column-reader.ts';
import { isAtomic, type RowType } from '../types/data-type.ts';
import { columnOf, type RowBatch } from '../types/row-batch.ts';
import { hilbertLong, zOrderBytes, zOrderWidth } from './curve-values.ts';
import { hilbertKey, hilbertKeyBytes, interleavedBits } from './curves.ts';
import { type BatchKeys, byteKeys, keyLayout, keysOf } from './key-order.ts';

export type SortSettings = {
  /** Bytes that a string or binary gives to a Z-order; `zorder.var-length-contribution` */
  readonly varBytes: number;
};

/** The keys of a batch's rows, to be sorted by. */
export type SortKeys = (batch: RowBatch) => BatchKeys;

/** @throws LakeError `invalid` LAKE_BAD_SORT_ORDER */
export function sortKeys(rowType: RowType, { strategy, columns }: SortOrder, settings: SortSettings): SortKeys {
  const fields = columns.map(name => {
    const field = rowType.fields.find(candidate => candidate.name === name);
    if (field === undefined) throw badOrder(`there is no column ${name}`);
    if (!isAtomic(field.type))
      throw badOrder(`column ${name} is of type ${field.type.kind.toUpperCase()}, without order`);
    return field;
  });
  if (new Set(columns).size < columns.length) throw badOrder('a column is named twice');
  if (fields.length === 0) throw badOrder('no column is named');
  switch (strategy) {
    case 'order': {
      const layout = keyLayout(rowType, columns);
      return batch => keysOf(batch, layout);
    }
    case 'zorder': {
      const parts = fields.map(({ name, type }) => ({ name, type, bytesOf: zOrderBytes(type, settings.varBytes) }));
      const width = parts.reduce((sum, { type }) => sum + zOrderWidth(type, settings.varBytes), 0);
      return batch => {
        const readers = parts.map(({ name, type, bytesOf }) => {
          const read = columnReader(columnOf(batch, name), type);
          return (row: number) => bytesOf(read(row));
        });
        return curveKeys(batch.rowCount, width, row => interleavedBits(readers.map(read => read(row))));
      };
    }
    case 'hilbert': {
      if (fields.length < 2) throw badOrder('a Hilbert curve is of two columns at least');
      const parts = fields.map(({ name, type }) => ({ name, type, longOf: hilbertLong(type) }));
      return batch => {
        const readers = parts.map(({ name, type, longOf }) => {
          const read = columnReader(columnOf(batch, name), type);
          return (row: number) => longOf(read(row));
        });
        const width = hilbertKeyBytes(fields.length);
        return curveKeys(batch.rowCount, width, row => hilbertKey(readers.map(read => read(row))));
      };
    }
  }
}

function curveKeys(rowCount: number, width: number, keyOf: (row: number) => Uint8Array): BatchKeys {
  const bytes = new Uint8Array(rowCount * width);
  for (let row = 0; row < rowCount; row += 1) bytes.set(keyOf(row), row * width);
  const offsets = Int32Array.from({ length: rowCount + 1 }, (_, row) => row * width);
  return byteKeys(bytes, offsets, { rowCount, nulls: undefined });
}

function badOrder(why: string): Error {
  return invalid('LAKE_BAD_SORT_ORDER', `rows cannot be sorted so: ${why}`);
}
