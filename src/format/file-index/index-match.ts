/**
 * Whether a file whose indexes are known can hold a row that a filter lets through. "true" means maybe.
 *
 * @see spec 10.2; Paimon 1.4.2 FileIndexPredicate
 */
import type { DataType } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { Scalar } from '../../types/scalar.ts';
import { bitmapValueCodec, readBitmapIndex } from './bitmap-index.ts';
import { readBloomFilter, valueHash } from './bloom-filter.ts';
import { type ColumnIndex, decodeFileIndex } from './container.ts';

export type IndexedColumn = { readonly name: string; readonly type: DataType };

/**
 * @param columnOf the file's own column of the reader's, when it holds the same values; undefined: nothing is known of it
 * @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX
 */
export function fileIndexMatches(
  bytes: Uint8Array,
  predicate: Predicate,
  columnOf: (name: string) => IndexedColumn | undefined,
  where: string,
): boolean {
  const indexes = decodeFileIndex(bytes, where);
  const mayHave = (column: string, test: ColumnTest): boolean => {
    const own = columnOf(column);
    if (own === undefined) return true;
    return indexes
      .filter(index => index.column === own.name && index.bytes.length > 0)
      .every(index => indexAllows(index, own.type, test, where));
  };
  return matches(predicate, mayHave);
}

/** Whether an index can say anything about the filter, so that it is worth reading. */
export function asksForValues(predicate: Predicate): boolean {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return predicate.children.some(asksForValues);
    case 'not':
      return false;
    case 'compare':
      return predicate.op === '=';
    default:
      return true;
  }
}

type ColumnTest =
  | { readonly kind: 'values'; readonly values: readonly Scalar[] }
  | { readonly kind: 'null' | 'not-null' };

function matches(predicate: Predicate, mayHave: (column: string, test: ColumnTest) => boolean): boolean {
  switch (predicate.kind) {
    case 'and':
      return predicate.children.every(child => matches(child, mayHave));
    case 'or':
      return predicate.children.some(child => matches(child, mayHave));
    case 'not':
      return true;
    case 'compare':
      return predicate.op !== '=' || mayHave(predicate.column, { kind: 'values', values: [predicate.value] });
    case 'in':
      return mayHave(predicate.column, { kind: 'values', values: predicate.values });
    case 'is-null':
      return mayHave(predicate.column, { kind: 'null' });
    case 'is-not-null':
      return mayHave(predicate.column, { kind: 'not-null' });
  }
}

function indexAllows({ kind, bytes }: ColumnIndex, type: DataType, test: ColumnTest, where: string): boolean {
  // Two zeros and many NaNs are one value to a filter, and not to an index.
  const isFloat = type.kind === 'float' || type.kind === 'double';
  if (isFloat && test.kind === 'values' && test.values.some(value => value === 0 || Number.isNaN(value))) return true;
  if (kind === 'bloom-filter') {
    const hash = valueHash(type);
    if (hash === undefined || test.kind !== 'values') return true;
    const mayBeThere = readBloomFilter(bytes, where);
    return test.values.some(value => value !== null && mayBeThere(hash(value)));
  }
  const codec = bitmapValueCodec(type);
  if (kind !== 'bitmap' || codec === undefined) return true;
  const index = readBitmapIndex(bytes, type, where);
  if (test.kind !== 'values') return test.kind === 'null' ? index.hasNull : index.valueCount > 0;
  return test.values.some(value => value !== null && index.has(codec(value)));
}
