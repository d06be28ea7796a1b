import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isLakeError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import { bytesSource } from '../../bytes/byte-source.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataField } from '../../types/data-type.ts';
import { parseType } from '../type-text.ts';
import { chunkStart, tailBytes } from './footer.ts';
import { readFooter } from './footer-reader.ts';
import { openParquet } from './reader.ts';

const fields: readonly DataField[] = [
  ['id', 'BIGINT'],
  ['kind', 'TINYINT'],
  ['name', 'STRING'],
  ['text', 'STRING'],
  ['d38', 'DECIMAL(38, 10)'],
  ['nanos', 'TIMESTAMP(9)'],
].map(([name = '', type = '']) => ({
  id: 0,
  name,
  type: parseType(type),
  description: undefined,
  defaultValue: undefined,
}));

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`./fixtures/${name}.parquet`, import.meta.url)));
}

async function readAll(bytes: Uint8Array): Promise<number> {
  const file = await openParquet(bytesSource(bytes), 'f.parquet');
  for (const group of file.rowGroups) for (const name of file.columnNames) group.columnRange(name);
  let rows = 0;
  for await (const batch of file.read({ fields })) rows += rowsOf(batch).length;
  return rows;
}

/** Rows read, or the code of the error; any other failure fails the test. */
async function outcomeOf(bytes: Uint8Array): Promise<number | string> {
  try {
    return await readAll(bytes);
  } catch (error) {
    if (isLakeError(error)) return error.code;
    throw error;
  }
}

test('a file cut anywhere is corrupt', async () => {
  const bytes = fixture('pyarrow-v2');
  for (const length of [0, 1, 4, 8, 11, 12, 100, bytes.length - 9, bytes.length - 8, bytes.length - 1]) {
    expect(await outcomeOf(bytes.subarray(0, length))).toBe('LAKE_PARQUET_CORRUPT');
  }
});

test('a footer length beyond the file is corrupt', async () => {
  const bytes = fixture('pyarrow-v2');
  for (const length of [0, bytes.length, 0x7fff_ffff, 0xffff_ffff]) {
    const changed = bytes.slice();
    new DataView(changed.buffer).setUint32(bytes.length - 8, length, true);
    expect(await outcomeOf(changed)).toBe('LAKE_PARQUET_CORRUPT');
  }
});

test('a changed byte in a page is found by its checksum', async () => {
  const bytes = fixture('pyarrow-v2');
  const tail = bytes.length - tailBytes;
  const footerStart = tail - new DataView(bytes.buffer).getUint32(tail, true);
  const { rowGroups } = readFooter(bytes.subarray(footerStart, tail), bytes.length, 'f.parquet');
  for (const chunk of rowGroups.flatMap(group => group.chunks.slice(0, 4))) {
    const changed = bytes.slice();
    const last = chunkStart(chunk) + chunk.compressedBytes - 1;
    changed[last] = (changed[last] ?? 0) ^ 1;
    await expect(readAll(changed)).rejects.toThrow('the checksum of a page is wrong');
  }
});

test('files changed at random are read or refused, and do nothing else', async () => {
  const random = seededRandom(20_231);
  const outcomes = new Map<number | string, number>();
  const originals = ['pyarrow-v2', 'all-types', 'snappy', 'lz4', 'gzip', 'none'].map(fixture);
  for (let round = 0; round < 200; round += 1) {
    const original = originals[round % originals.length] ?? new Uint8Array();
    const changed = original.slice();
    // The second half is mostly footer, which is where a change does the most.
    const from = round % 2 === 0 ? 0 : Math.floor(original.length / 2);
    const changes = 1 + Math.floor(random.next() * 3);
    for (let i = 0; i < changes; i += 1) {
      changed[from + Math.floor(random.next() * (original.length - from))] = Math.floor(random.next() * 256);
    }
    const outcome = await outcomeOf(changed);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].filter(key => typeof key === 'string')).toEqual(['LAKE_PARQUET_CORRUPT']);
  expect(outcomes.get('LAKE_PARQUET_CORRUPT')).toBeGreaterThan(50);
  // The decoder is still sound after all that.
  expect(await readAll(fixture('pyarrow-v2'))).toBe(12);
});
