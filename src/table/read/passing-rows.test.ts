import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { seededRandom } from '../../base/random.ts';
import { bytesSource } from '../../bytes/byte-source.ts';
import type { DataFileContent } from '../../format/data-file-content.ts';
import type { DeletionVector } from '../../format/deletion-vector.ts';
import { RowSet } from '../../format/file-index/row-set.ts';
import { openParquet } from '../../format/parquet/reader.ts';
import { createParquetWriter } from '../../format/parquet/writer.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import type { Predicate } from '../../types/predicate.ts';
import { columnsOf } from '../../types/prune.ts';
import type { Scalar } from '../../types/scalar.ts';
import { mapColumns } from './column-mapping.ts';
import { passingRows, type RowFilter } from './passing-rows.ts';

const int: DataType = { kind: 'int', nullable: true };
const text: DataType = { kind: 'varchar', length: 9, nullable: true };
const fields: readonly DataField[] = [
  { id: 0, name: 'k', type: int, description: undefined, defaultValue: undefined },
  { id: 1, name: 'a', type: int, description: undefined, defaultValue: undefined },
  { id: 2, name: 'v', type: text, description: undefined, defaultValue: undefined },
];
const rowCount = 1_000;
const rows = Array.from({ length: rowCount }, (_, row): Scalar[] => [
  row,
  row % 13 === 0 ? null : (row * 7) % 50,
  `v${row}`,
]);

/** @param requestsAreFree pages of a key are held */
async function file({ requestsAreFree = false } = {}): Promise<DataFileContent> {
  const writer = createParquetWriter({ rowType: { fields }, compression: 'none', rowGroupRowsMax: 130 });
  await writer.append(buildBatch({ fields }, rows));
  return openParquet({ ...bytesSource((await writer.finish()).bytes), requestsAreFree }, 'f');
}

const fileSchema: TableSchema = {
  version: 3,
  id: 0,
  fields,
  highestFieldId: 2,
  partitionKeys: [],
  primaryKeys: [],
  options: {},
  comment: undefined,
  timeMillis: 0,
  extra: {},
};

function filterOf(predicate: Predicate): RowFilter {
  const wanted = { fields: fields.filter(({ name }) => columnsOf(predicate).has(name)) };
  const mapping = mapColumns({ wanted, fileSchema, partitionKeys: [], partitionValues: [] });
  return { predicate, mapping, sortedBy: 'k' };
}

function vectorOf(positions: ReadonlySet<number>): DeletionVector {
  const values = Uint16Array.from([...positions].toSorted((a, b) => a - b));
  const containers = [{ key: 0, cardinality: values.length, kind: 'list' as const, values }];
  return { cardinality: values.length, parts: [{ base: 0, bitmap: { cardinality: values.length, containers } }] };
}

const range = (from: number, to: number): Predicate => ({
  kind: 'and',
  children: [
    { kind: 'compare', column: 'k', op: '>=', value: from },
    { kind: 'compare', column: 'k', op: '<', value: to },
  ],
});

test('rows that pass come with their positions, without those that are left out, and their late columns', async () => {
  const files = [await file(), await file({ requestsAreFree: true })];
  const random = seededRandom(9);
  const below = (n: number): number => Math.floor(random.next() * n);
  for (let round = 0; round < 120; round += 1) {
    const content = present(files[round % 2], 'a file');
    const from = below(rowCount);
    const few = range(from, from + below(300));
    const one: Predicate = { kind: 'compare', column: 'k', op: '=', value: from };
    const some: Predicate = { kind: 'in', column: 'a', values: [below(50), below(50)] };
    const predicate = [few, some, one, { kind: 'and', children: [one, some] } as const][below(4)] ?? few;
    const deleted = new Set(Array.from({ length: below(200) }, () => below(rowCount)));
    const vector = deleted.size === 0 ? undefined : vectorOf(deleted);
    const matching = below(2) === 0 ? undefined : new RowSet(rowCount);
    for (let row = 0; row < rowCount; row += 1) if (row % 3 !== 0) matching?.add(row);
    const isLate = below(2) === 0;
    const [k, a, v] = fields;
    const early = isLate ? [v, k, a] : [v, k];
    const options = {
      fields: early.flatMap(field => field ?? []),
      rowGroups: content.rowGroups.map((_, index) => index).filter(index => index !== 2),
      lateFields: isLate ? [v, a].flatMap(field => field ?? []) : undefined,
      batchRowsMax: 1 + below(200),
    };
    const passes = evaluatePredicate(predicate, buildBatch({ fields }, rows));
    const found: number[] = [];
    for await (const part of passingRows(content, options, { vector, matching }, filterOf(predicate))) {
      const { rowCount: count } = part.rows;
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual(options.batchRowsMax);
      const positions = Array.from({ length: count }, (_, row) => part.firstPosition + (part.kept?.[row] ?? row));
      expect(rowsOf(part.rows).map(row => row.slice(0, 2))).toEqual(positions.map(at => [rows[at]?.[2], at]));
      if (part.late !== undefined) {
        expect(rowsOf(await part.late())).toEqual(positions.map(at => [rows[at]?.[2], rows[at]?.[1]]));
      }
      expect(part.late !== undefined).toBe(isLate);
      found.push(...positions.filter(at => passes[at] === 1));
      expect(positions.filter(at => deleted.has(at) || matching?.has(at) === false)).toEqual([]);
    }
    const isLeft = (at: number): boolean =>
      passes[at] === 1 && !deleted.has(at) && matching?.has(at) !== false && Math.floor(at / 130) !== 2;
    expect(found).toEqual(rows.map((_, at) => at).filter(isLeft));
  }
});

test('of a row group that is too large to be decoded together a part is, where pages rule out the rest', async () => {
  const content = await file();
  const countOf = async (groupBytes: number): Promise<number> => {
    const rowGroups = content.rowGroups.map(group => ({ ...group, byteSize: groupBytes }));
    // Two pages to a row group, of which one can hold the row.
    const pageContents: DataFileContent['pageContents'] = async rowGroup => {
      const [first, count] = [rowGroup * 130, content.rowGroups[rowGroup]?.rowCount ?? 0];
      const page = (start: number, end: number) => ({
        rows: { start, end },
        range: { min: first + start, max: first + end - 1, nullCount: 0 },
      });
      return [[page(0, count / 2), page(count / 2, count)]];
    };
    let count = 0;
    const options = { fields, rowGroups: [3] };
    const leftOut = { vector: undefined, matching: undefined };
    const filter = filterOf({ kind: 'compare', column: 'k', op: '=', value: 3 * 130 + 7 });
    for await (const part of passingRows({ ...content, rowGroups, pageContents }, options, leftOut, filter)) {
      count += part.rows.rowCount;
    }
    return count;
  };
  expect(await countOf(64 * 1024 * 1024)).toBe(1);
  expect(await countOf(65 * 1024 * 1024)).toBe(130);
});

test('of a row group of very many rows, however small it is packed, none are picked: it is read in parts', async () => {
  const content = await file();
  const askedOf = async (rowCountOfGroup: number): Promise<readonly string[]> => {
    const asked: string[] = [];
    const long: DataFileContent = {
      ...content,
      rowGroups: content.rowGroups.slice(0, 1).map(group => ({ ...group, rowCount: rowCountOfGroup })),
      pageContents: undefined,
      async select() {
        asked.push('select');
        return buildBatch({ fields: fields.slice(0, 1) }, [[0]]);
      },
      async *read() {
        asked.push('read');
        yield buildBatch({ fields }, rows.slice(0, 1));
      },
    };
    const filter = filterOf({ kind: 'compare', column: 'k', op: '=', value: -1 });
    const leftOut = { vector: undefined, matching: undefined };
    for await (const { rows: found } of passingRows(long, { fields, rowGroups: [0] }, leftOut, filter)) {
      expect(found.rowCount).toBe(1);
    }
    return asked;
  };
  const rowsMax = Math.floor((32 * 1024 * 1024) / fields.length);
  expect(await askedOf(rowsMax)).toEqual(['select']);
  expect(await askedOf(rowsMax + 1)).toEqual(['read']);
});

test('of a filter that few rows pass no other comes, of one that most pass they may', async () => {
  const content = await file();
  const options = { fields, rowGroups: content.rowGroups.map((_, index) => index) };
  const countOf = async (predicate: Predicate): Promise<number> => {
    let count = 0;
    const leftOut = { vector: undefined, matching: undefined };
    for await (const part of passingRows(content, options, leftOut, filterOf(predicate))) count += part.rows.rowCount;
    return count;
  };
  expect(await countOf(range(500, 503))).toBe(3);
  expect(await countOf({ kind: 'compare', column: 'a', op: '=', value: 7 })).toBe(
    rows.filter(row => row[1] === 7).length,
  );
  expect(await countOf({ kind: 'is-not-null', column: 'a' })).toBeGreaterThan(900);
});

test('a row group that cannot be read is told of behind the rows before it, and not to who stops before', async () => {
  const content = await file();
  const { select } = content;
  const broken: DataFileContent = {
    ...content,
    pageContents: undefined,
    select: async selection => {
      if (selection.rowGroup === 1) throw new Error('broken');
      if (select === undefined) throw new Error('a file of pages');
      return select(selection);
    },
  };
  const options = { fields, rowGroups: [0, 1, 2] };
  const leftOut = { vector: undefined, matching: undefined };
  const filter = filterOf({ kind: 'in', column: 'k', values: [5, 140, 300] });
  const found: Scalar[] = [];
  const read = async (): Promise<void> => {
    for await (const part of passingRows(broken, options, leftOut, filter)) {
      found.push(...rowsOf(part.rows).map(([k]) => k ?? null));
    }
  };
  await expect(read()).rejects.toThrow('broken');
  expect(found).toEqual([5]);
  for await (const part of passingRows(broken, options, leftOut, filter)) {
    expect(part.rows.rowCount).toBe(1);
    break;
  }
});
