/** What a data page of a leaf that is not nested is made of: definition levels, if there can be nulls, and values. */
import { encodings, type Page } from '../page.ts';
import type { NullBits } from './null-bits.ts';
import { broken, padded } from './padded-bytes.ts';
import { VarintReader } from './varint.ts';

/** The values of a data page, without those that are null. */
export type PageValues = {
  /** Rows of the page, nulls included. */
  readonly rowCount: number;
  readonly valueCount: number;
  /** Thrift value of parquet's Encoding */
  readonly encoding: number;
  readonly bytes: Uint8Array;
};

/** The page without its levels, which are appended to `nulls`. @param page unpacked */
export function sectionsOf(page: Page, isOptional: boolean, nulls: NullBits): PageValues {
  const { body, valueCount: rowCount, encoding } = page;
  const nullsBefore = nulls.nullCount;
  const valuesAt = readLevels(page, isOptional, nulls);
  return { rowCount, valueCount: rowCount - (nulls.nullCount - nullsBefore), encoding, bytes: body.subarray(valuesAt) };
}

/** @returns where the values begin */
function readLevels(page: Page, isOptional: boolean, nulls: NullBits): number {
  const { body, valueCount, definitionBytes, repetitionBytes } = page;
  if (page.kind === 'data-v2') {
    const end = repetitionBytes + definitionBytes;
    if (isOptional) appendRuns(nulls, body.subarray(repetitionBytes, end), valueCount);
    else nulls.appendRun(true, valueCount);
    return end;
  }
  if (!isOptional) {
    nulls.appendRun(true, valueCount);
    return 0;
  }
  if (page.definitionEncoding === encodings.bitPacked) return appendBigEndian(nulls, body, valueCount);
  if (page.definitionEncoding !== encodings.rle) throw broken(`levels in encoding ${page.definitionEncoding}`);
  if (body.length < 4) throw broken('a page ends before its levels');
  const end = 4 + new DataView(body.buffer, body.byteOffset).getUint32(0, true);
  if (end > body.length) throw broken('levels reach past their page');
  appendRuns(nulls, body.subarray(4, end), valueCount);
  return end;
}

/** As `expandRuns`, for values of one bit. */
function appendRuns(nulls: NullBits, bytes: Uint8Array, count: number): void {
  const reader = new VarintReader(padded(bytes), 0);
  const end = nulls.length + count;
  while (nulls.length < end) {
    const header = reader.uint32();
    const left = end - nulls.length;
    if ((header & 1) === 1) {
      const byteLength = header >>> 1;
      const taken = Math.min(byteLength * 8, left);
      if ((taken + 7) >> 3 > bytes.length - reader.at) throw broken('levels reach past their end');
      nulls.appendPacked(bytes, reader.at, taken);
      reader.at += byteLength;
      continue;
    }
    const level = reader.byte();
    if (level > 1) throw broken(`a definition level of ${level}`);
    nulls.appendRun(level === 1, Math.min(header >>> 1, left));
  }
}

/** The older form: no runs, and the first row at the most significant bit. */
function appendBigEndian(nulls: NullBits, body: Uint8Array, count: number): number {
  const end = (count + 7) >> 3;
  if (end > body.length) throw broken('levels reach past their page');
  for (let row = 0; row < count; row += 1) {
    nulls.appendRun((((body[row >> 3] ?? 0) >> (7 - (row & 7))) & 1) === 1, 1);
  }
  return end;
}
