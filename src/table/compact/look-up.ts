/**
 * What a compaction only looks at: files above level 0 whose rows may have the keys of the rows that go up, of them the row
 * groups within those keys, and of these the columns that count.
 */

import { deserializeRow } from '../../format/binary-row.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { fieldsNamed, type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import type { CompareKey } from '../../lsm/sorted-runs.ts';
import { compareScalars } from '../../types/compare.ts';
import type { RowType } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import { blankColumn, columnOf, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { FileRead } from '../read/read-file.ts';

/** Files above level 0, other than those compacted, that may have keys of the compacted files of level 0. */
export function lookedUpFiles(
  live: readonly DataFileMeta[],
  compacted: readonly DataFileMeta[],
  compareKey: CompareKey,
): readonly DataFileMeta[] {
  const names = new Set(compacted.map(({ fileName }) => fileName));
  const level0 = compacted.filter(({ level }) => level === 0);
  return live.filter(
    file =>
      file.level > 0 &&
      !names.has(file.fileName) &&
      level0.some(other => compareKey(file.minKey, other.maxKey) <= 0 && compareKey(other.minKey, file.maxKey) <= 0),
  );
}

/**
 * How such files are read.
 *
 * @param keysOnly their values count for nothing
 */
export function lookUpRead(
  schema: TableSchema,
  read: FileRead,
  { compacted, keysOnly }: { readonly compacted: readonly DataFileMeta[]; readonly keysOnly: boolean },
): FileRead {
  const fields = fieldsNamed(schema, trimmedPrimaryKeys(schema));
  const level0 = compacted.filter(({ level }) => level === 0);
  return { ...read, wanted: keysOnly ? { fields } : read.wanted, prune: withinKeys(fields, level0) };
}

/** By the first column of the key; undefined where it says nothing. */
function withinKeys(fields: RowType['fields'], files: readonly DataFileMeta[]): Predicate | undefined {
  const [first] = fields;
  // The order of keys and that of filters differ over zeros and NaN.
  if (first === undefined || first.type.kind === 'float' || first.type.kind === 'double') return undefined;
  const types = fields.map(({ type }) => type);
  const ends = files
    .flatMap(({ minKey, maxKey }) => [minKey, maxKey])
    .map(key => deserializeRow(key, types)[0] ?? null);
  const inOrder = ends.toSorted((a, b) => compareScalars(first.type, a, b));
  const [min = null, max = null]: readonly (Scalar | undefined)[] = [inOrder[0], inOrder.at(-1)];
  if (min === null || max === null) return undefined;
  const column = first.name;
  return {
    kind: 'and',
    children: [
      { kind: 'compare', op: '>=', column, value: min },
      { kind: 'compare', op: '<=', column, value: max },
    ],
  };
}

/** With all wanted columns; those that were not read hold nothing. */
export function widened(rows: RowBatch, wanted: RowType): RowBatch {
  if (rows.rowType.fields.length === wanted.fields.length) return rows;
  const known = new Set(rows.rowType.fields.map(({ name }) => name));
  const columns = wanted.fields.map(({ name, type }) =>
    known.has(name) ? columnOf(rows, name) : blankColumn(type, rows.rowCount, false),
  );
  return makeRowBatch(wanted, rows.rowCount, columns);
}
