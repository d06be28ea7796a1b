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
import type { SchemaElement } from '../footer.ts';
import type { Page } from '../page.ts';
import { type ColumnStatistics, statisticsOf } from './column-statistics.ts';
import { buildDictionary } from './dictionary.ts';
import { type LeafValues, leafOf } from './leaf-values.ts';
import { dataPages, dictionaryPage, encodingNumbers, pageSpans, type ValueForm } from './pages.ts';

export type EncodedLeaf = {
  /** Thrift values of parquet's Encoding */
  readonly encodings: readonly number[];
  readonly pages: readonly Page[];
  /** Nulls included; of leaves in lists also what stands for empty ones. */
  readonly valueCount: number;
  readonly statistics: ColumnStatistics;
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
  const spans = pageSpans(leaf);
  const data = dataPages(leaf, spans, { form, isNullable: element.repetition === 'optional' });
  const pages = form.kind === 'dictionary' ? [dictionaryPage(form.dictionary, fixedBytes), ...data] : data;
  const shape = { fixedBytes, isText: element.annotation?.kind === 'string' };
  const statistics = statisticsOf(leaf, spans, { form, shape, type });
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
