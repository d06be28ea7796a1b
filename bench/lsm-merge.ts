/**
 * The merge kernel by itself, in memory: 1M base rows and 10 x 100k updates, as in a full compaction, for a BIGINT and
 * a STRING key, and the flush of 1M rows. Run: `node bench/lsm-merge.ts`.
 */
import { seededRandom } from '../src/base/random.ts';
import { deduplicate } from '../src/format/merge-options.ts';
import { type MergeSpec, mergeRuns } from '../src/lsm/merge.ts';
import { sortAndMerge } from '../src/lsm/sort-merge.ts';
import { makeColumn } from '../src/types/column-buffers.ts';
import type { DataType, RowType } from '../src/types/data-type.ts';
import { type KeyValueBatch, makeRowBatch, sliceBatch } from '../src/types/row-batch.ts';

const baseRowCount = 1_000_000;
const updateRowCount = 100_000;
const updateRunCount = 10;
const batchRowsMax = 65_536;
const repeatCount = 5;

type KeyKind = 'bigint' | 'string';

const spec: MergeSpec = { keyNames: ['id'], ...deduplicate, dropDeletes: true };

function rowTypeOf(kind: KeyKind): RowType {
  const keyType: DataType =
    kind === 'bigint'
      ? { kind: 'bigint', nullable: false }
      : { kind: 'varchar', length: 2_147_483_647, nullable: false };
  const types: readonly [string, DataType][] = [
    ['id', keyType],
    ['a', { kind: 'int', nullable: true }],
    ['b', { kind: 'double', nullable: true }],
  ];
  return {
    fields: types.map(([name, type], id) => ({ id, name, type, description: undefined, defaultValue: undefined })),
  };
}

/** A batch of rows with these ids, sequence numbers from `firstSequence` on. */
function batchOf(kind: KeyKind, ids: Float64Array, firstSequence: number): KeyValueBatch {
  const rowType = rowTypeOf(kind);
  const count = ids.length;
  const sequenceNumbers = new BigInt64Array(count);
  const numbers = new Int32Array(count);
  const doubles = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    sequenceNumbers[i] = BigInt(firstSequence + i);
    numbers[i] = i;
    doubles[i] = i / 3;
  }
  const [key, a, b] = rowType.fields.map(field => field.type);
  if (key === undefined || a === undefined || b === undefined) throw new Error('three columns');
  const keyColumn =
    kind === 'bigint'
      ? makeColumn(key, count, { values: BigInt64Array.from(ids, id => BigInt(id)) })
      : makeColumn(key, count, textBuffers(ids));
  const columns = [keyColumn, makeColumn(a, count, { values: numbers }), makeColumn(b, count, { values: doubles })];
  return { rows: makeRowBatch(rowType, count, columns), sequenceNumbers, kinds: new Int8Array(count) };
}

function textBuffers(ids: Float64Array): { readonly values: Uint8Array; readonly valueOffsets: Int32Array } {
  const valueOffsets = new Int32Array(ids.length + 1);
  const values = new TextEncoder().encode(Array.from(ids, id => `customer-${String(id).padStart(8, '0')}`).join(''));
  for (let i = 0; i < valueOffsets.length; i += 1) valueOffsets[i] = i * 17;
  return { values, valueOffsets };
}

async function* run(batch: KeyValueBatch): AsyncGenerator<KeyValueBatch> {
  const { rowCount } = batch.rows;
  for (let start = 0; start < rowCount; start += batchRowsMax) {
    const end = Math.min(start + batchRowsMax, rowCount);
    const sequenceNumbers = batch.sequenceNumbers.slice(start, end);
    yield { rows: sliceBatch(batch.rows, start, end), sequenceNumbers, kinds: batch.kinds.slice(start, end) };
  }
}

function report(what: string, rowCount: number, elapsedMs: number): void {
  const rate = rowCount / elapsedMs / 1000;
  console.log(`${what.padEnd(44)} ${elapsedMs.toFixed(0).padStart(6)} ms ${rate.toFixed(1).padStart(6)} M rows/s`);
}

async function benchMerge(kind: KeyKind): Promise<void> {
  const random = seededRandom(7);
  const base = batchOf(
    kind,
    Float64Array.from({ length: baseRowCount }, (_, i) => i),
    0,
  );
  const updates = Array.from({ length: updateRunCount }, (_, index) => {
    const ids = new Set<number>();
    while (ids.size < updateRowCount) ids.add(Math.floor(random.next() * (baseRowCount + 30_000)));
    const sorted = Float64Array.from(ids).sort();
    return batchOf(kind, sorted, baseRowCount + index * updateRowCount);
  });
  const batches = [base, ...updates];
  const inputRowCount = batches.reduce((sum, batch) => sum + batch.rows.rowCount, 0);
  let bestMs = Number.POSITIVE_INFINITY;
  let outRowCount = 0;
  for (let repeat = 0; repeat < repeatCount; repeat += 1) {
    const start = performance.now();
    outRowCount = 0;
    for await (const out of mergeRuns(batches.map(run), spec, { batchRowsMax })) outRowCount += out.rows.rowCount;
    const elapsedMs = performance.now() - start;
    if (repeat === 0) report(`merge, ${kind} key, first time`, inputRowCount, elapsedMs);
    bestMs = Math.min(bestMs, elapsedMs);
  }
  report(`merge, ${kind} key, best; ${outRowCount} rows out`, inputRowCount, bestMs);
}

function benchFlush(kind: KeyKind): void {
  const random = seededRandom(11);
  const ids = Float64Array.from({ length: baseRowCount }, () => Math.floor(random.next() * baseRowCount));
  const batch = batchOf(kind, ids, 0);
  let bestMs = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < repeatCount; repeat += 1) {
    const start = performance.now();
    sortAndMerge([batch], { ...spec, dropDeletes: false });
    const elapsedMs = performance.now() - start;
    if (repeat === 0) report(`flush of 1M random ${kind} keys, first time`, baseRowCount, elapsedMs);
    bestMs = Math.min(bestMs, elapsedMs);
  }
  report(`flush of 1M random ${kind} keys, best`, baseRowCount, bestMs);
}

for (const kind of ['bigint', 'string'] as const) {
  await benchMerge(kind);
  benchFlush(kind);
}
