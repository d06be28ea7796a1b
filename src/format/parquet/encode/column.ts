/**
 * A flat column of a row group into pages: the values without nulls (`leaf-values.ts`), the encoding that suits them
 * (`column-encoding.ts`), the pages (`pages.ts`) and their bounds.
 *
 * Written are PLAIN, a dictionary, and deltas of integers. Paimon 1.4.2 misreads DELTA_LENGTH_BYTE_ARRAY and refuses
 * BYTE_STREAM_SPLIT.
 */
import { release } from '../../../bytes/release.ts';
import type { DataType } from '../../../types/data-type.ts';
import type { Column } from '../../../types/row-batch.ts';
import { chooseEncoding, type EncodingLimits } from '../column-encoding.ts';
import type { ChunkStatistics, SchemaElement } from '../footer.ts';
import type { Page } from '../page.ts';
import { type BoundShape, lowerBound, upperBound } from './bound-bytes.ts';
import { boundsOf } from './bounds.ts';
import { buildDictionary } from './dictionary.ts';
import { type Leaf, type LeafValues, leafOf } from './leaf-values.ts';
import { dataPages, dictionaryPage, encodingNumbers, type ValueForm } from './pages.ts';

export type EncodedLeaf = {
  /** Thrift values of parquet's Encoding */
  readonly encodings: readonly number[];
  readonly pages: readonly Page[];
  /** Nulls included; of leaves in lists also what stands for empty ones. */
  readonly valueCount: number;
  /** Undefined where no bounds can be given but there are values. */
  readonly statistics: ChunkStatistics | undefined;
};

/** A dictionary that takes more is given up: it would have to be read for any of the pages. */
const dictionaryBytesMax = 1024 * 1024;

/**
 * @param columns parts of one column, with at least one row in all
 * @param element of the file's schema that it is written as
 */
export function encodeColumn(
  columns: readonly Column[],
  type: DataType,
  element: SchemaElement,
  limits: EncodingLimits,
): EncodedLeaf {
  const leaf = leafOf(columns, type);
  const fixedBytes = element.typeLength ?? 0;
  const form = formOf(leaf.values, fixedBytes, limits);
  const data = dataPages(leaf, { form, isNullable: element.repetition === 'optional' });
  const pages = form.kind === 'dictionary' ? [dictionaryPage(form.dictionary, fixedBytes), ...data] : data;
  const statistics = statisticsOf(leaf, form, { fixedBytes, isText: element.annotation?.kind === 'string' });
  release(form.kind === 'dictionary' ? [...leaf.own, bytesOf(form.dictionary.indexes)] : leaf.own);
  return { encodings: encodingsOf(form), pages, valueCount: leaf.rowCount, statistics };
}

function formOf(values: LeafValues, fixedBytes: number, limits: EncodingLimits): ValueForm {
  const chosen = chooseEncoding(values, limits);
  if (chosen === 'delta') return { kind: 'delta' };
  const dictionary = chosen === 'dictionary' ? buildDictionary(values, dictionaryBytesMax) : undefined;
  return dictionary === undefined ? { kind: 'plain', fixedBytes } : { kind: 'dictionary', dictionary };
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function encodingsOf(form: ValueForm): readonly number[] {
  const { plain, levels, delta, dictionary } = encodingNumbers;
  switch (form.kind) {
    case 'plain':
      return [plain, levels];
    case 'delta':
      return [levels, delta];
    case 'dictionary':
      return [plain, levels, dictionary];
  }
}

function statisticsOf(leaf: Leaf, form: ValueForm, shape: BoundShape): ChunkStatistics | undefined {
  const nullCount = leaf.rowCount - leaf.values.count;
  if (leaf.values.count === 0) return { min: undefined, max: undefined, nullCount };
  const values = form.kind === 'dictionary' ? form.dictionary.entries : leaf.values;
  const bounds = boundsOf(values, { from: 0, to: values.count });
  if (bounds === undefined) return undefined;
  const min = lowerBound(values, bounds.least, shape);
  const max = upperBound(values, bounds.greatest, shape);
  return min === undefined || max === undefined ? undefined : { min, max, nullCount };
}
