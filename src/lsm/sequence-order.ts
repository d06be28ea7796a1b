/**
 * The order that `sequence.field` gives to the rows of one key, before their sequence numbers do: column by column, nulls
 * lowest whether it ascends or descends.
 *
 * @see spec 9; Paimon 1.4.2 UserDefinedSeqComparator
 */
import type { SequenceOrder } from '../format/merge-options.ts';
import { bitAt, nullBitsOf } from '../types/column-buffers.ts';
import { columnOf, type RowBatch } from '../types/row-batch.ts';
import { type BatchKeys, compareKeys, keyLayout, keysOf } from './key-order.ts';
import { sortByKey } from './key-sort.ts';

type SequenceField = { readonly keys: BatchKeys; readonly nulls: Uint8Array | undefined };

/** A batch's columns of `sequence.field`, ready to be compared. */
export type SequenceKeys = { readonly fields: readonly SequenceField[]; readonly isDescending: boolean };

export function sequenceKeysOf(rows: RowBatch, { columns, isDescending }: SequenceOrder): SequenceKeys {
  const fields = columns.map(name => ({
    keys: keysOf(rows, keyLayout(rows.rowType, [name])),
    nulls: nullBitsOf(columnOf(rows, name)),
  }));
  return { fields, isDescending };
}

/** Row `i` of `a` against row `j` of `b`, which have the same columns: the larger wins. */
export function compareSequences(a: SequenceKeys, i: number, b: SequenceKeys, j: number): number {
  for (let at = 0; at < a.fields.length; at += 1) {
    const x = a.fields[at];
    const y = b.fields[at];
    if (x === undefined || y === undefined) continue;
    const order = compareKeys(x.keys, i, y.keys, j);
    if (order === 0) continue;
    return a.isDescending && !isNull(x, i) && !isNull(y, j) ? -order : order;
  }
  return 0;
}

/** Brings rows into this order; those that are equal in it stay in the order they have. */
export function sortBySequence({ fields, isDescending }: SequenceKeys, order: Uint32Array): Uint32Array {
  // From the last column to the first: each sort leaves what it takes for equal as it was.
  return fields.toReversed().reduce((sorted, field) => {
    if (!isDescending) return sortByKey(field.keys, sorted).order;
    const nulls = sorted.filter(row => isNull(field, row));
    const values = sorted.filter(row => !isNull(field, row));
    const descending = sortByKey(field.keys, values.reverse()).order.reverse();
    const out = new Uint32Array(sorted.length);
    out.set(nulls);
    out.set(descending, nulls.length);
    return out;
  }, order);
}

function isNull({ nulls }: SequenceField, row: number): boolean {
  return nulls !== undefined && bitAt(nulls, row) === 0;
}
