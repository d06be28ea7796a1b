/**
 * Which rows of a file whose indexes are known can pass a filter: any, none, or some that are known. What is left may
 * still fail it.
 *
 * @see spec 10.2; Paimon 1.4.2 FileIndexPredicate, BitmapIndexResult
 */
import { unreachable } from '../../base/assert.ts';
import type { DataType } from '../../types/data-type.ts';
import type { CompareOp, Predicate } from '../../types/predicate.ts';
import type { Scalar } from '../../types/scalar.ts';
import { bitSliceKeys, readBitSliceIndex } from './bit-slice-index.ts';
import { bitmapValueCodec, readBitmapIndex } from './bitmap-index.ts';
import { readBloomFilter, valueHash } from './bloom-filter.ts';
import { type ColumnIndex, decodeFileIndex } from './container.ts';
import type { IndexKey, KeyCodec } from './index-key.ts';
import type { WantedIndex } from './index-options.ts';
import { rangeKeys, readRangeBitmap } from './range-bitmap.ts';
import { allRows, indexedRowsMax, RowSet } from './row-set.ts';

export type IndexedColumn = { readonly name: string; readonly type: DataType };

export type IndexAnswer = 'any' | 'none' | RowSet;

/** What the answer is about. */
export type IndexedFile = {
  /** The file's own column of the reader's, when it holds the same values; undefined: nothing is known of it. */
  readonly columnOf: (name: string) => IndexedColumn | undefined;
  readonly rowCount: number;
  /** Names the index in errors. */
  readonly where: string;
};

/** @throws LakeError `corrupt` LAKE_CORRUPT_FILE_INDEX or LAKE_CORRUPT_VECTOR (a bitmap in it) */
export function askFileIndex(bytes: Uint8Array, predicate: Predicate, file: IndexedFile): IndexAnswer {
  const indexes = decodeFileIndex(bytes, file.where);
  return answerOf(predicate, (column, test) => {
    const own = file.columnOf(column);
    if (own === undefined) return 'any';
    return indexes
      .filter(index => index.column === own.name && index.bytes.length > 0)
      .map(index => askIndex(index, own.type, test, file))
      .reduce(both, 'any');
  });
}

/**
 * Whether an index can say anything about the filter, so that it is worth reading.
 *
 * @param wanted what the table has of its files: comparisons other than `=` need a kind that keeps values in order
 */
export function asksForValues(predicate: Predicate, wanted: readonly WantedIndex[]): boolean {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return predicate.children.some(child => asksForValues(child, wanted));
    case 'not':
      return false;
    case 'compare':
      return predicate.op === '=' || wanted.some(({ kind }) => kind === 'range-bitmap' || kind === 'bsi');
    default:
      return true;
  }
}

type ColumnTest =
  | { readonly kind: 'values'; readonly values: readonly NonNullable<Scalar>[] }
  | { readonly kind: 'order'; readonly op: Exclude<CompareOp, '='>; readonly value: NonNullable<Scalar> }
  | { readonly kind: 'null' | 'not-null' };

function answerOf(predicate: Predicate, ask: (column: string, test: ColumnTest) => IndexAnswer): IndexAnswer {
  switch (predicate.kind) {
    case 'and':
      return predicate.children.map(child => answerOf(child, ask)).reduce(both, 'any');
    case 'or':
      return predicate.children.map(child => answerOf(child, ask)).reduce(either, 'none');
    case 'not':
      return 'any';
    case 'compare': {
      const { op, value, column } = predicate;
      if (value === null) return 'none';
      return ask(column, op === '=' ? { kind: 'values', values: [value] } : { kind: 'order', op, value });
    }
    case 'in':
      return ask(predicate.column, { kind: 'values', values: predicate.values.filter(value => value !== null) });
    case 'is-null':
      return ask(predicate.column, { kind: 'null' });
    case 'is-not-null':
      return ask(predicate.column, { kind: 'not-null' });
    default:
      return unreachable(predicate);
  }
}

function both(a: IndexAnswer, b: IndexAnswer): IndexAnswer {
  if (a === 'none' || b === 'none') return 'none';
  if (a === 'any') return b;
  return b === 'any' ? a : some(a.copy().keepAll(b));
}

function either(a: IndexAnswer, b: IndexAnswer): IndexAnswer {
  if (a === 'any' || b === 'any') return 'any';
  if (a === 'none') return b;
  return b === 'none' ? a : a.copy().addAll(b);
}

function some(rows: RowSet): IndexAnswer {
  return rows.isEmpty() ? 'none' : rows;
}

function askIndex(index: ColumnIndex, type: DataType, test: ColumnTest, file: IndexedFile): IndexAnswer {
  // Two zeros and many NaNs are one value to a filter, and not to an index.
  const isFloat = type.kind === 'float' || type.kind === 'double';
  const literals = test.kind === 'values' ? test.values : test.kind === 'order' ? [test.value] : [];
  if (isFloat && literals.some(value => value === 0 || Number.isNaN(value))) return 'any';
  if (index.kind === 'bloom-filter') return askBloomFilter(index, type, test, file);
  if (file.rowCount > indexedRowsMax) return 'any';
  switch (index.kind) {
    case 'bitmap':
      return askBitmap(index, type, test, file);
    case 'range-bitmap': {
      const keys = rangeKeys(type);
      if (keys === undefined) return 'any';
      return askOrdered(readRangeBitmap(index.bytes, keys, file.rowCount, file.where), keys, test);
    }
    case 'bsi': {
      const keys = bitSliceKeys(type);
      if (keys === undefined) return 'any';
      const { rowCount, present, compare } = readBitSliceIndex(index.bytes, file.rowCount, file.where);
      const compareKey = (key: IndexKey): ReturnType<typeof compare> =>
        compare(Buffer.isBuffer(key) ? 0n : BigInt(key));
      return askOrdered({ rowCount, present, compare: compareKey }, keys, test);
    }
    default:
      return 'any';
  }
}

function askBloomFilter({ bytes }: ColumnIndex, type: DataType, test: ColumnTest, file: IndexedFile): IndexAnswer {
  const hash = valueHash(type);
  if (hash === undefined || test.kind !== 'values') return 'any';
  const mayBeThere = readBloomFilter(bytes, file.where);
  return test.values.some(value => mayBeThere(hash(value))) ? 'any' : 'none';
}

function askBitmap({ bytes }: ColumnIndex, type: DataType, test: ColumnTest, file: IndexedFile): IndexAnswer {
  const codec = bitmapValueCodec(type);
  if (codec === undefined || test.kind === 'order') return 'any';
  const index = readBitmapIndex(bytes, type, file.rowCount, file.where);
  switch (test.kind) {
    case 'null':
      return some(index.nulls());
    case 'not-null':
      return some(allRows(file.rowCount).removeAll(index.nulls()));
    case 'values': {
      const rows = new RowSet(file.rowCount);
      for (const value of test.values) rows.addAll(index.rowsOf(codec(value)));
      return some(rows);
    }
    default:
      return unreachable(test);
  }
}

/** An index that keeps values in order. */
type OrderedIndex = {
  readonly rowCount: number;
  readonly present: () => RowSet;
  readonly compare: (key: IndexKey) => { readonly equal: RowSet; readonly greater: RowSet };
};

function askOrdered(index: OrderedIndex, keys: KeyCodec, test: ColumnTest): IndexAnswer {
  switch (test.kind) {
    case 'null':
      return some(allRows(index.rowCount).removeAll(index.present()));
    case 'not-null':
      return some(index.present());
    case 'values': {
      const rows = new RowSet(index.rowCount);
      for (const value of test.values) rows.addAll(index.compare(keys.keyOf(value)).equal);
      return some(rows);
    }
    case 'order':
      return some(rowsInOrder(index, keys, test));
    default:
      return unreachable(test);
  }
}

/** A key that stands for other values too does not tell where they lie: its rows may pass. */
function rowsInOrder(
  index: OrderedIndex,
  keys: KeyCodec,
  { op, value }: Extract<ColumnTest, { kind: 'order' }>,
): RowSet {
  const { equal, greater } = index.compare(keys.keyOf(value));
  const isExact = keys.isExact(value);
  switch (op) {
    case '>':
      return isExact ? greater : greater.addAll(equal);
    case '>=':
      return greater.addAll(equal);
    case '<':
      return isExact ? index.present().removeAll(greater).removeAll(equal) : index.present().removeAll(greater);
    case '<=':
      return index.present().removeAll(greater);
    case '<>':
      return isExact ? index.present().removeAll(equal) : index.present();
    default:
      return unreachable(op);
  }
}
