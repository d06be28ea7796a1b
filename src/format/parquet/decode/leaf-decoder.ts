/**
 * Decodes the pages of a leaf that is not nested: a column of numbers, byte strings or booleans. Nouns: the **page** (unpacked; its
 * levels say which rows are null), the **dictionary** (the chunk's first page, in which other pages' values are places), the
 * **kernel** (a loop over values of one encoding). Flow: levels of all pages become one null bitmap (`page-sections.ts`);
 * then each page's values go one behind the other to where its rows begin, in one buffer for the column
 * (`fixed-leaf.ts`, `text-leaf.ts`, `bits-leaf.ts`), and are moved to their rows where there are nulls (`spread-nulls.ts`).
 *
 * Any run of whole pages can be decoded, with the dictionary before them. All encodings of the format are read, but a bit-packed
 * form of values that nobody ever wrote. Kernels throw a RangeError at values that cannot be; they check
 * lengths before they make room, and read at most 16 bytes beyond a page (`padded-bytes.ts`).
 *
 * Not done here: nested leaves, compression, units and widths of the column's type (`leaf-plan.ts`).
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md
 */
import type { LeafPlan } from '../leaf-plan.ts';
import type { Page } from '../page.ts';
import type { DecodedColumn } from '../wasm-door.ts';
import { decodeBits } from './bits-leaf.ts';
import { decodeFixed, fixedWidth } from './fixed-leaf.ts';
import type { LeafPages } from './leaf-pages.ts';
import { NullBits } from './null-bits.ts';
import { broken } from './padded-bytes.ts';
import { sectionsOf } from './page-sections.ts';
import { decodeTexts } from './text-leaf.ts';
import { widenFixed, widenInts, widenLongs, widenTexts } from './wide-decimals.ts';

/**
 * The values of `pages`, which hold `rowCount` rows: data pages, after the dictionary if there is one.
 *
 * @throws RangeError when they are not what their encoding allows
 */
export function decodeLeaf({ element, layout }: LeafPlan, pages: readonly Page[], rowCount: number): DecodedColumn {
  const [first] = pages;
  const dictionary = first?.kind === 'dictionary' ? first : undefined;
  const dataPages = dictionary === undefined ? pages : pages.slice(1);
  const nulls = new NullBits(rowCount);
  const isOptional = element.repetition === 'optional';
  const sections = dataPages.map(page => sectionsOf(page, isOptional, nulls));
  if (nulls.length !== rowCount) throw broken(`${nulls.length} rows in its pages, not ${rowCount}`);
  const leaf: LeafPages = { element, dictionary, pages: sections, rowCount, bitmap: nulls.bitmap };
  const column = { length: rowCount, nullBitmap: nulls.bitmap, nullCount: nulls.nullCount, valueOffsets: undefined };
  if (layout === 'bits') return { ...column, values: decodeBits(leaf) };
  if (layout === 'offsets') return { ...column, ...decodeTexts(leaf) };
  if (element.annotation?.kind === 'decimal') return { ...column, values: decodeDecimals(leaf) };
  return { ...column, values: decodeFixed(leaf, layout) };
}

/** 16 bytes a value. */
function decodeDecimals(leaf: LeafPages): Uint8Array {
  const { element, bitmap } = leaf;
  if (element.physical === 'byte-array') return widenTexts(decodeTexts(leaf), bitmap);
  const width = fixedWidth(element);
  if (width === undefined) throw broken(`decimals as ${element.physical}`);
  const bytes = decodeFixed(leaf, width);
  switch (element.physical) {
    case 'int32':
      return widenInts(new Int32Array(bytes.buffer));
    case 'int64':
      return widenLongs(new Int32Array(bytes.buffer));
    default:
      return widenFixed(bytes, width);
  }
}
