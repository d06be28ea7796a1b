import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryScalar, nestedTypes, rowTypeOf, sampleTypes } from '../../../test/arbitrary-rows.ts';
import { type RowChange, type RowTable, type RowTableSettings, rowTable, sorted } from '../../../test/row-fixture.ts';
import { bytesSource } from '../../bytes/byte-source.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { openParquet } from '../../format/parquet/reader.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { noDeletions } from '../index-files.ts';
import { dataFileKey } from '../read/file-source.ts';
import { readKeyValues } from '../read/read-file.ts';
import { workMemoryOf } from '../work-memory.ts';

/** Whoever has so much reads every file by ranges, and looks into its row groups. */
const looksInto = { ...workMemoryOf(), wholeFilesBytes: 0 };
/** Row groups of some 60 rows of those below. */
const smallGroups = { 'file.block-size': '4 kb' };
const base = Array.from({ length: 700 }, (_, index) => wide(2 * index, 'base'));

function wide(k: number, value: string): Scalar[] {
  const digits = ((k * 104_729) % 1_679_616).toString(36);
  return [`p${Math.floor(k / 300)}`, k, `${value}-${digits}-`.padEnd(40, digits)];
}

type Shape = Pick<RowTableSettings, 'options' | 'primaryKeys'>;

/** @param takes whether row groups may go into new files as they are */
async function compacted(shape: Shape, { takes }: { readonly takes: boolean }): Promise<RowTable> {
  const rows = await rowTable({ ...shape, options: { ...smallGroups, ...shape.options } });
  if (takes) rows.workMemory = looksInto;
  await rows.write(base);
  await rows.compact({ isFull: true });
  return rows;
}

/** Bytes of each row group of the file of the last level. */
async function rowGroupsOf(rows: RowTable): Promise<readonly string[]> {
  const table = await rows.open();
  const file = (await rows.files()).find(({ level }) => level > 0);
  if (file === undefined) return [];
  const where = dataFileKey(table, { partitionValues: [], bucket: 0 }, file.fileName);
  const bytes = (await rows.store.get(where, { bytesMax: 1 << 24 }))?.bytes ?? new Uint8Array();
  const content = await openParquet(bytesSource(bytes), where);
  const columns = content.columnNames.map(name => content.columnBytes(name));
  return content.rowGroups.map((_, group) => {
    const start = Math.min(...columns.map(column => column[group]?.start ?? 0));
    const end = Math.max(...columns.map(column => column[group]?.end ?? 0));
    return Buffer.from(bytes.subarray(start, end)).toString('base64');
  });
}

/** How many row groups a full compaction of these changes leaves as they are. */
async function takenBy(rows: RowTable, changes: readonly RowChange[]): Promise<{ taken: number; all: number }> {
  const before = await rowGroupsOf(rows);
  await rows.change(changes);
  await rows.compact({ isFull: true });
  const after = new Set(await rowGroupsOf(rows));
  return { taken: before.filter(bytes => after.has(bytes)).length, all: before.length };
}

// Rows that were not there before: whoever encodes all again begins each later row group with another row.
const newRows: readonly RowChange[] = [101, 103, 105].map(k => ['+I', ...wide(k, 'new')]);

test('row groups in which no newer run has a key go into the new file as they are', async () => {
  const looking = await takenBy(await compacted({}, { takes: true }), newRows);
  expect(looking.all).toBeGreaterThan(8);
  expect(looking.taken).toBeGreaterThanOrEqual(looking.all - 2);
  const { taken } = await takenBy(await compacted({}, { takes: false }), newRows);
  expect(taken).toBeLessThan(3);
});

test('keys of several columns are told apart by the first that differ', async () => {
  const { taken, all } = await takenBy(await compacted({ primaryKeys: ['p', 'k'] }, { takes: true }), newRows);
  expect(taken).toBeGreaterThanOrEqual(all - 3);
});

test.each([
  ['a changelog', { 'changelog-producer': 'full-compaction' }],
  ['deletion vectors', { 'deletion-vectors.enabled': 'true' }],
  ['an index of files', { 'file-index.bloom-filter.columns': 'v' }],
  ['rows that expire', { 'record-level.expire-time': '1000 d', 'record-level.time-field': 'k' }],
  ['that all files are rewritten', { 'compaction.force-rewrite-all-files': 'true' }],
])('a table that has %s sees every row', async (_, options) => {
  const { taken } = await takenBy(await compacted({ options }, { takes: true }), newRows);
  expect(taken).toBeLessThan(3);
});

test.each([
  ['another compression', 'file.compression', 'lz4'],
  ['encodings of the first version', 'parquet.writer.version', 'PARQUET_1_0'],
])('row groups are written anew where files are to have %s', async (_, key, value) => {
  const rows = await compacted({}, { takes: true });
  await rows.alterOption(key, value);
  expect((await takenBy(rows, newRows)).taken).toBe(0);
  expect((await takenBy(rows, [['+I', ...wide(107, 'newer')]])).taken).toBeGreaterThan(8);
});

test('row groups of older columns are written anew', async () => {
  const rows = await compacted({}, { takes: true });
  await rows.addColumn('w');
  await rows.change([['+I', ...wide(101, 'new'), 'w']]);
  await rows.compact({ isFull: true });
  const found = await rows.rows();
  expect(found).toHaveLength(base.length + 1);
  expect(found.filter(row => row[3] !== null)).toEqual([[...wide(101, 'new'), 'w']]);
});

test('where keys only grow, a compaction asks for the footer and once for each row group', async () => {
  const rows = await compacted({}, { takes: true });
  await rows.write(Array.from({ length: 100 }, (_, index) => wide(1_400 + index, 'new')));
  const [large] = (await rows.files()).filter(({ level }) => level > 0);
  const before = rows.dataGets.length;
  await rows.compact({ isFull: true });
  const gets = rows.dataGets.slice(before).filter(key => key.endsWith(large?.fileName ?? ''));
  const groups = (await rowGroupsOf(rows)).length;
  expect(gets.length).toBeLessThanOrEqual(1 + groups);
});

test('a receipt says how many bytes were copied', async () => {
  const rows = await compacted({}, { takes: true });
  const before = await rowGroupsOf(rows);
  await rows.change(newRows);
  const { buckets } = await rows.compact({ isFull: true });
  const after = new Set(await rowGroupsOf(rows));
  // The last one is too small to be copied; encoded anew it is the same.
  const copied = before
    .slice(0, -1)
    .filter(group => after.has(group))
    .map(group => Buffer.from(group, 'base64').length);
  expect(copied.length).toBeGreaterThan(8);
  expect(buckets.map(({ bytesCopied }) => bytesCopied)).toEqual([copied.reduce((sum, bytes) => sum + bytes, 0)]);
});

test('a damaged page is copied, and whoever reads its rows is told', async () => {
  const rows = await compacted({}, { takes: true });
  const table = await rows.open();
  const [file] = await rows.files();
  const key = dataFileKey(table, { partitionValues: [], bucket: 0 }, file?.fileName ?? '');
  const bytes = Buffer.from((await rows.store.get(key, { bytesMax: 1 << 24 }))?.bytes ?? []);
  const region = (await openParquet(bytesSource(bytes), key)).columnBytes('v')[5];
  bytes.writeUInt8(bytes.readUInt8((region?.end ?? 0) - 1) ^ 1, (region?.end ?? 0) - 1);
  await rows.store.put(key, bytes);
  await rows.change(newRows);
  const { status, buckets } = await rows.compact({ isFull: true });
  expect(status).toBe('committed');
  expect(buckets[0]?.bytesCopied).toBeGreaterThan(0);
  await expect(rows.rows()).rejects.toThrow(/checksum of a page is wrong/);
});

type State = { readonly rows: readonly Scalar[][]; readonly files: readonly Partial<DataFileMeta>[] };

/** All that a compaction leaves but names, lengths and times. */
async function stateOf(rows: RowTable): Promise<State> {
  const table = await rows.open();
  const files = await rows.files();
  const found: Scalar[][] = [];
  const read = { schema: table.schema, wanted: { fields: table.schema.fields }, prune: undefined, batchRowsMax: 1_000 };
  for (const file of files) {
    const place = { partitionValues: [], bucket: 0, deletions: noDeletions };
    for await (const batch of readKeyValues(table, place, file, read)) {
      const { kinds, sequenceNumbers } = batch;
      found.push(
        ...rowsOf(batch.rows).map((row, index) => [...row, kinds[index] ?? null, sequenceNumbers[index] ?? null]),
      );
    }
  }
  const facts = files.map(({ fileName: _n, fileSize: _s, creationTimeMs: _t, ...rest }) => rest);
  return { rows: sorted(found), files: facts };
}

const segment = fc.record({
  first: fc.integer({ min: 0, max: 1_500 }),
  step: fc.constantFrom(1, 2, 50),
  kinds: fc.array(fc.constantFrom('+I', '+U', '-D'), { minLength: 1, maxLength: 12 }),
});

const shapes: readonly Shape[] = [
  {},
  { primaryKeys: ['p', 'k'] },
  { options: { 'merge-engine': 'partial-update', 'partial-update.remove-record-on-delete': 'true' } },
  {
    options: {
      'merge-engine': 'aggregation',
      'fields.v.aggregate-function': 'max',
      'fields.default-aggregate-function': 'last_value',
      'aggregation.remove-record-on-delete': 'true',
    },
  },
  { options: { 'sequence.field': 'v', 'data-file.thin-mode': 'true' } },
];

test('a compaction that takes row groups as they are leaves what one that does not leaves', {
  timeout: 120_000,
}, async () => {
  let takenCount = 0;
  const rounds = fc.array(fc.array(segment, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...shapes), rounds, async (shape, changes) => {
      const tables = [await compacted(shape, { takes: true }), await compacted(shape, { takes: false })];
      for (const [round, segments] of changes.entries()) {
        const states: State[] = [];
        for (const rows of tables) {
          const before = await rowGroupsOf(rows);
          for (const { first, step, kinds } of segments) {
            await rows.change(kinds.map((kind, index) => [kind, ...wide(first + index * step, `round${round}`)]));
          }
          await rows.compact({ isFull: true });
          if (rows === tables[0]) {
            const after = new Set(await rowGroupsOf(rows));
            takenCount += before.filter(bytes => after.has(bytes)).length;
          }
          states.push(await stateOf(rows));
        }
        expect(states[0]).toEqual(states[1]);
      }
    }),
    { numRuns: 10 },
  );
  expect(takenCount).toBeGreaterThan(0);
});

test('statistics of columns of each type are those of the rows', { timeout: 120_000 }, async () => {
  // Of INT96 the footer says nothing, and its years do not reach all that a test thinks of.
  const isInt96 = (type: DataType): boolean => /"timestamp[-a-z]*","precision":[789]/.test(JSON.stringify(type));
  const types = [...sampleTypes, ...nestedTypes].filter(type => !isInt96(type));
  const row = fc.tuple(...types.map(arbitraryScalar));
  const columns = [
    { name: 'k', type: { kind: 'int', nullable: false } as const },
    ...rowTypeOf(types).fields.map(({ name, type }) => ({ name, type })),
  ];
  let takenCount = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 60, maxLength: 60 }), async values => {
      const states: State[] = [];
      for (const workMemory of [looksInto, undefined]) {
        const rows = await rowTable({
          columns,
          primaryKeys: ['k'],
          options: { 'file.block-size': '2 kb' },
          workMemory,
        });
        await rows.write(values.map((value, k) => [2 * k, ...value]));
        await rows.compact({ isFull: true });
        const { taken } = await takenBy(rows, [['+I', 21, ...(values[0] ?? [])]]);
        if (workMemory !== undefined) takenCount += taken;
        states.push(await stateOf(rows));
      }
      expect(states[0]).toEqual(states[1]);
    }),
    { numRuns: 5, endOnFailure: true },
  );
  expect(takenCount).toBeGreaterThan(0);
});
