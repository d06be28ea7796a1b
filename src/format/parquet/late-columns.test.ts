import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { bytesSource } from '../../bytes/byte-source.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataField } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { LateBatch } from '../data-file-content.ts';
import { parseType } from '../type-text.ts';
import { openParquet, type ParquetFile } from './reader.ts';
import { createParquetWriter } from './writer.ts';

const rowCount = 50_000;
const rowGroupRowsMax = 45_000;

function field(id: number, name: string, type: string): DataField {
  return { id, name, type: parseType(type), description: undefined, defaultValue: undefined };
}

const [key, text, number, list] = [
  field(0, 'key', 'BIGINT NOT NULL'),
  field(1, 'text', 'STRING'),
  field(2, 'number', 'INT'),
  { ...field(3, 'list', 'INT'), type: parseType({ type: 'ARRAY', element: 'INT' }) },
] as const;
const gone = field(9, 'gone', 'INT');

function rowAt(row: number): Scalar[] {
  return [BigInt(row), row % 11 === 0 ? null : `text ${(row * 7919) % 10_007}`, row % 300, [row % 5]];
}

let file: ParquetFile;

beforeAll(async () => {
  const writer = createParquetWriter({
    rowType: { fields: [key, text, number, list] },
    compression: 'zstd',
    rowGroupRowsMax,
  });
  await writer.append(
    buildBatch(
      { fields: [key, text, number, list] },
      Array.from({ length: rowCount }, (_, row) => rowAt(row)),
    ),
  );
  file = await openParquet(bytesSource((await writer.finish()).bytes), 'late.parquet');
});

test('late columns are those of the rows they are asked for with, whichever batches are passed over and however late', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        windowBytesMax: fc.constantFrom(1, 60_000, 200_000, 1e9),
        batchRowsMax: fc.integer({ min: 500, max: 30_000 }),
        isAsked: fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
        lagMax: fc.nat(3),
      }),
      async ({ windowBytesMax, batchRowsMax, isAsked, lagMax }) => {
        const waiting: { readonly first: number; readonly batch: LateBatch }[] = [];
        const check = async (): Promise<void> => {
          const { first, batch } = waiting.shift() ?? expect.fail('a batch waits');
          const late = rowsOf(await batch.late());
          expect(late).toHaveLength(batch.rows.rowCount);
          for (const place of [0, late.length >> 1, late.length - 1]) {
            const [, textAt, numberAt, listAt] = rowAt(first + place);
            expect(late[place]).toEqual([numberAt, null, textAt, listAt]);
          }
        };
        let next = 0;
        let index = 0;
        const options = { fields: [key], lateFields: [number, gone, text, list], windowBytesMax, batchRowsMax };
        for await (const batch of file.readLate?.(options) ?? []) {
          expect(rowsOf(batch.rows)[0]).toEqual([BigInt(next)]);
          if (isAsked[index % isAsked.length] === true) waiting.push({ first: next, batch });
          next += batch.rows.rowCount;
          index += 1;
          if (waiting.length > lagMax) await check();
        }
        expect(next).toBe(rowCount);
        while (waiting.length > 0) await check();
      },
    ),
    { numRuns: 25 },
  );
}, 60_000);

test('a batch asked twice, or together with others, gives the same columns', async () => {
  const options = { fields: [key], lateFields: [text], windowBytesMax: 1, batchRowsMax: 1_000 };
  const batches: LateBatch[] = [];
  for await (const batch of file.readLate?.(options) ?? []) batches.push(batch);
  const [once, twice] = await Promise.all(
    [0, 1].map(() => Promise.all(batches.map(async batch => rowsOf(await batch.late())))),
  );
  expect(twice).toEqual(once);
  expect(once?.flat()).toEqual(Array.from({ length: rowCount }, (_, row) => [rowAt(row)[1]]));
});

test('a late column that cannot be decoded is told when it is asked for, and not before', async () => {
  const bytes = (await corrupted()).slice();
  const broken = await openParquet(bytesSource(bytes), 'broken.parquet');
  const batches: LateBatch[] = [];
  for await (const batch of broken.readLate?.({ fields: [key], lateFields: [text] }) ?? []) batches.push(batch);
  await expect(batches[0]?.late()).rejects.toMatchObject({ kind: 'corrupt' });
});

/** The text's first pages are nonsense. */
async function corrupted(): Promise<Uint8Array> {
  const writer = createParquetWriter({ rowType: { fields: [key, text] }, compression: 'zstd' });
  await writer.append(
    buildBatch(
      { fields: [key, text] },
      Array.from({ length: 100 }, (_, row) => rowAt(row).slice(0, 2)),
    ),
  );
  const { bytes } = await writer.finish();
  const sound = await openParquet(bytesSource(bytes), 'sound.parquet');
  const { start, end } = sound.columnBytes('text')[0] ?? expect.fail('the text has bytes');
  return bytes.fill(0xff, start, end);
}
