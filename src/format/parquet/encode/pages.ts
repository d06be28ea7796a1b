/**
 * The data pages of a column: where they end, and what each is made of. A page of a nullable column begins with the length
 * of its definition levels (4 bytes, little-endian) and the levels.
 */
import { assert } from '../../../base/assert.ts';
import { copyBits } from '../../../types/column-buffers.ts';
import type { Page } from '../page.ts';
import { bitWidth } from './bit-packing.ts';
import { deltasBytesMax, putDeltas32, putDeltas64 } from './delta-packing.ts';
import type { Dictionary } from './dictionary.ts';
import type { Leaf, LeafValues } from './leaf-values.ts';
import { plainBytes, putPlain } from './plain.ts';
import { levelsBytesMax, putLevels, putRuns, runsBytesMax } from './run-lengths.ts';
import { countBits } from './valid-values.ts';

/** Rows [row, row + rowCount) and the values of those that are not null, [from, to). */
export type PageSpan = {
  readonly row: number;
  readonly rowCount: number;
  readonly from: number;
  readonly to: number;
};

/** How the values of a column are laid down. */
export type ValueForm =
  | { readonly kind: 'plain'; readonly fixedBytes: number }
  | { readonly kind: 'delta' }
  | { readonly kind: 'dictionary'; readonly dictionary: Dictionary };

export type PageShape = { readonly form: ValueForm; readonly isNullable: boolean };

/** Rows of a page at most; a multiple of 8, so that null bits are copied whole. */
const pageRowsMax = 16_384;
/** Bytes of values of a page at most, but for a single value. */
const pageBytesMax = 1024 * 1024;

/** Thrift values of parquet's Encoding. */
export const encodingNumbers = { plain: 0, levels: 3, delta: 5, dictionary: 8 } as const;

/**
 * The rows as pages, whose bodies lie one after the other in one buffer.
 *
 * @param spans where they end, by `pageSpans`
 * @param isNullable whether the column's schema says so, even if no row is null
 */
export function dataPages(leaf: Leaf, spans: readonly PageSpan[], { form, isNullable }: PageShape): readonly Page[] {
  const bytesMax = spans.reduce((sum, span) => sum + bodyBytesMax(leaf, span, { form, isNullable }), 0);
  // Plain values take what is made room for, others far less: those are written elsewhere and copied.
  const room = form.kind === 'plain' ? new Uint8Array(bytesMax) : scratchOf(bytesMax);
  const out = new DataView(room.buffer);
  const ends: number[] = [];
  for (const span of spans) {
    const start = ends.at(-1) ?? 0;
    const levelsEnd = isNullable ? putPageLevels(leaf, span, out, start) : start;
    ends.push(putValues(leaf.values, form, span, { room, out, start: levelsEnd }));
  }
  const bodies = form.kind === 'plain' ? room : room.slice(0, ends.at(-1));
  return spans.map(({ rowCount }, index) => {
    const body = bodies.subarray(ends[index - 1] ?? 0, ends[index]);
    return {
      ...pageDefaults,
      kind: 'data',
      valueCount: rowCount,
      encoding: encodingNumbers[form.kind],
      body,
      plainBytes: body.length,
      definitionEncoding: encodingNumbers.levels,
      repetitionEncoding: encodingNumbers.levels,
    };
  });
}

/** Used from call to call. */
let scratch = new Uint8Array(0);
/** More is made for the call alone. */
const scratchBytesMax = 2 * 1024 * 1024;

function scratchOf(bytesMax: number): Uint8Array<ArrayBuffer> {
  if (bytesMax > scratchBytesMax) return new Uint8Array(bytesMax);
  if (bytesMax > scratch.length) scratch = new Uint8Array(bytesMax);
  return scratch;
}

/** Where pages end; none for no rows. */
export function pageSpans({ rowCount, nullBits, values }: Leaf): readonly PageSpan[] {
  const spans: PageSpan[] = [];
  let from = 0;
  for (let row = 0; row < rowCount; ) {
    let rows = Math.min(pageRowsMax, rowCount - row);
    let to = 0;
    for (;;) {
      to = from + (nullBits === undefined ? rows : countBits(copyBits(nullBits, row, rows), rows));
      const bytes = values.kind === 'bytes' ? plainBytes(values, { from, to, fixedBytes: 0 }) : 0;
      if (bytes <= pageBytesMax || rows === 1) break;
      rows = Math.max(1, Math.min(rows >> 1, Math.floor((rows * pageBytesMax) / bytes)));
    }
    spans.push({ row, rowCount: rows, from, to });
    row += rows;
    from = to;
  }
  return spans;
}

function bodyBytesMax({ values }: Leaf, { rowCount, from, to }: PageSpan, { form, isNullable }: PageShape): number {
  return (isNullable ? 4 + levelsBytesMax(rowCount) : 0) + valuesBytesMax(values, form, { from, to });
}

function valuesBytesMax(values: LeafValues, form: ValueForm, { from, to }: Range): number {
  switch (form.kind) {
    case 'plain':
      return plainBytes(values, { from, to, fixedBytes: form.fixedBytes });
    case 'delta':
      return deltasBytesMax(to - from, values.kind === 'int32' ? 1 : 2);
    case 'dictionary':
      return 1 + runsBytesMax(to - from, indexWidth(form.dictionary));
  }
}

/** With their length before them. @returns where they end in `out` */
function putPageLevels({ nullBits }: Leaf, span: PageSpan, out: DataView, start: number): number {
  const { row, rowCount, from, to } = span;
  const bits = nullBits === undefined || to - from === rowCount ? undefined : copyBits(nullBits, row, rowCount);
  const end = putLevels(bits, { rowCount, valueCount: to - from }, out, start + 4);
  out.setInt32(start, end - start - 4, true);
  return end;
}

type Range = { readonly from: number; readonly to: number };
/** The same bytes twice, and where in them to begin. */
type Room = { readonly room: Uint8Array; readonly out: DataView; readonly start: number };

/** @returns where they end */
function putValues(values: LeafValues, form: ValueForm, { from, to }: Range, { room, out, start }: Room): number {
  switch (form.kind) {
    case 'plain': {
      const range = { from, to, fixedBytes: form.fixedBytes };
      putPlain(values, range, room, start);
      return start + plainBytes(values, range);
    }
    case 'delta':
      if (values.kind === 'int32') return putDeltas32(values.words, { from, to }, out, start);
      assert(values.kind === 'int64', () => `values of kind ${values.kind} have no deltas`);
      return putDeltas64(values.words, { from, to }, out, start);
    case 'dictionary': {
      // Their bit width in a byte, then their runs.
      const width = indexWidth(form.dictionary);
      out.setUint8(start, width);
      return putRuns(form.dictionary.indexes, { from, to, width }, out, start + 1);
    }
  }
}

function indexWidth({ entries }: Dictionary): number {
  return entries.count === 0 ? 0 : bitWidth(entries.count - 1);
}

/** The entries in plain encoding. */
export function dictionaryPage({ entries }: Dictionary, fixedBytes: number): Page {
  const range = { from: 0, to: entries.count, fixedBytes };
  const body = new Uint8Array(plainBytes(entries, range));
  putPlain(entries, range, body, 0);
  return {
    ...pageDefaults,
    kind: 'dictionary',
    valueCount: entries.count,
    encoding: encodingNumbers.plain,
    body,
    plainBytes: body.length,
  };
}

const pageDefaults = {
  isCompressed: false,
  definitionBytes: 0,
  repetitionBytes: 0,
  nullCount: 0,
  rowCount: 0,
  definitionEncoding: 0,
  repetitionEncoding: 0,
} as const;
