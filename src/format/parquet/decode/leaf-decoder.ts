/**
 * Decodes the pages of a leaf that is not nested: a column of numbers, byte strings or booleans. Nouns: the **page** (unpacked; its
 * levels say which rows are null), the **dictionary** (the chunk's first page, in which other pages' values are places), the
 * **kernel** (a loop over values of one encoding). Flow: levels of all pages become one null bitmap (`page-sections.ts`);
 * then each page's values go one behind the other to where its rows begin, in one buffer for the column
 * (`fixed-leaf.ts`, `text-leaf.ts`, `bits-leaf.ts`), and are moved to their rows where there are nulls (`spread-nulls.ts`).
 *
 * Few rows are picked out of pages instead (`pickLeaf`), which are decoded no further than they must be (`pick-fixed.ts`, `pick-texts.ts`).
 *
 * Any run of whole pages can be decoded, with the dictionary before them. All encodings of the format are read, but a bit-packed
 * form of values that nobody ever wrote. Kernels throw a RangeError at values that cannot be; they check
 * lengths before they make room, and read at most 16 bytes beyond a page (`padded-bytes.ts`).
 *
 * Not done here: nested leaves, compression, units and widths of the column's type (`leaf-plan.ts`).
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md
 */
import { bitAt } from '../../../types/column-buffers.ts';
import type { SchemaElement } from '../footer.ts';
import type { LeafPlan } from '../leaf-plan.ts';
import type { Page } from '../page.ts';
import type { DecodedColumn } from '../wasm-door.ts';
import { decodeBits } from './bits-leaf.ts';
import { decodeFixed, fixedWidth } from './fixed-leaf.ts';
import type { LeafPages } from './leaf-pages.ts';
import { NullBits } from './null-bits.ts';
import { broken } from './padded-bytes.ts';
import { sectionsOf } from './page-sections.ts';
import { pickFixed } from './pick-fixed.ts';
import { pickTexts } from './pick-texts.ts';
import { pickedRows } from './picked-rows.ts';
import { decodeTexts, type TextValues } from './text-leaf.ts';
import { widenFixed, widenInts, widenLongs, widenTexts } from './wide-decimals.ts';

/**
 * The values of `pages`, which hold `rowCount` rows: data pages, after the dictionary if there is one.
 *
 * @throws RangeError when they are not what their encoding allows
 */
export function decodeLeaf({ element, layout }: LeafPlan, pages: readonly Page[], rowCount: number): DecodedColumn {
  const { leaf, nullCount } = leafPagesOf(element, pages, rowCount);
  const { bitmap: nullBitmap } = leaf;
  const column = { length: rowCount, nullBitmap, nullCount };
  return {
    ...column,
    ...valuesAs(element, layout, nullBitmap, {
      bits: () => decodeBits(leaf),
      texts: () => decodeTexts(leaf),
      fixed: width => decodeFixed(leaf, width),
    }),
  };
}

/**
 * The values of few rows, without decoding all the others: what is not looked at may be unsound.
 *
 * @param rows of those of the pages, ascending
 * @throws RangeError as `decodeLeaf`
 */
export function pickLeaf(
  { element, layout }: LeafPlan,
  { pages, rowCount }: { readonly pages: readonly Page[]; readonly rowCount: number },
  rows: Uint32Array,
): DecodedColumn {
  const { leaf } = leafPagesOf(element, pages, rowCount);
  const picked = pickedRows(leaf, rows);
  const nullCount = picked.places.reduce((count, place) => (place < 0 ? count + 1 : count), 0);
  const nullBitmap = nullCount === 0 ? undefined : packedBits(picked.places, place => place >= 0);
  const column = { length: rows.length, nullBitmap, nullCount };
  return {
    ...column,
    ...valuesAs(element, layout, nullBitmap, {
      bits: () => {
        const all = decodeBits(leaf);
        return packedBits(rows, row => bitAt(all, row) === 1);
      },
      texts: () => pickTexts(leaf, rows, picked),
      fixed: width => pickFixed(leaf, rows, picked, width),
    }),
  };
}

function packedBits(values: Int32Array | Uint32Array, isSet: (value: number) => boolean): Uint8Array {
  const bits = new Uint8Array((values.length + 7) >> 3);
  for (const [index, value] of values.entries()) {
    if (isSet(value)) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bits;
}

function leafPagesOf(
  element: SchemaElement,
  pages: readonly Page[],
  rowCount: number,
): { readonly leaf: LeafPages; readonly nullCount: number } {
  const [first] = pages;
  const dictionary = first?.kind === 'dictionary' ? first : undefined;
  const dataPages = dictionary === undefined ? pages : pages.slice(1);
  const nulls = new NullBits(rowCount);
  const isOptional = element.repetition === 'optional';
  const sections = dataPages.map(page => sectionsOf(page, isOptional, nulls));
  if (nulls.length !== rowCount) throw broken(`${nulls.length} rows in its pages, not ${rowCount}`);
  const leaf = { element, dictionary, pages: sections, rowCount, bitmap: nulls.bitmap };
  return { leaf, nullCount: nulls.nullCount };
}

/** How values are had, of all rows or some. */
type ValueSource = {
  readonly bits: () => Uint8Array;
  readonly texts: () => TextValues;
  readonly fixed: (width: number) => Uint8Array<ArrayBuffer>;
};

function valuesAs(
  element: SchemaElement,
  layout: LeafPlan['layout'],
  bitmap: Uint8Array | undefined,
  source: ValueSource,
): Pick<DecodedColumn, 'values' | 'valueOffsets'> {
  if (layout === 'bits') return { valueOffsets: undefined, values: source.bits() };
  if (layout === 'offsets') return source.texts();
  if (element.annotation?.kind === 'decimal') {
    return { valueOffsets: undefined, values: decimalsOf(element, bitmap, source) };
  }
  return { valueOffsets: undefined, values: source.fixed(layout) };
}

/** 16 bytes a value. */
function decimalsOf(element: SchemaElement, bitmap: Uint8Array | undefined, { texts, fixed }: ValueSource): Uint8Array {
  if (element.physical === 'byte-array') return widenTexts(texts(), bitmap);
  const width = fixedWidth(element);
  if (width === undefined) throw broken(`decimals as ${element.physical}`);
  const bytes = fixed(width);
  switch (element.physical) {
    case 'int32':
      return widenInts(new Int32Array(bytes.buffer));
    case 'int64':
      return widenLongs(new Int32Array(bytes.buffer));
    default:
      return widenFixed(bytes, width);
  }
}
