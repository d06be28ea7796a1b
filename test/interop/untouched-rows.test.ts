// Row groups that a compaction of ours took over as they were, against real Paimon: it reads all rows, finds each by filters on
// row groups and pages, and goes on with the table.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { liveEntries } from '../../src/table/manifests.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openTable } from '../../src/table/table.ts';
import { workMemoryOf } from '../../src/table/work-memory.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { type Both, openBoth } from './both.ts';

let both: Both;

beforeAll(async () => {
  both = await openBoth('untouched');
});

afterAll(async () => {
  await both?.[Symbol.asyncDispose]();
});

// Two row groups and a part of a third, of several pages each.
const rowCount = 150_000;

function row(id: number, value: string): Scalar[] {
  return [BigInt(id), id % 7 === 0 ? null : `${value} ${id}`, id / 8];
}

test('Paimon reads row groups that were taken over, finds their rows by statistics and pages, and compacts them', {
  timeout: 240_000,
}, async () => {
  const { paimon, lake, warehouse } = both;
  await lake.sql(
    "CREATE TABLE db.t (id BIGINT NOT NULL, s STRING, d DOUBLE, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket' = '1', 'file.format' = 'parquet')",
  );
  await using store = await openObjectStore(warehouse, {}, { clock: systemClock, random: systemRandom });
  // Reads all files by ranges, and so looks into their row groups.
  const workMemory = { ...workMemoryOf(), wholeFilesBytes: 0 };
  const parts = { clock: systemClock, random: systemRandom, workMemory };
  const table = await openTable(store, { database: 'db', name: 't' }, parts);
  await using committer = new Committer(table);
  const write = async (rows: readonly Scalar[][]): Promise<void> => {
    const writer = new TableWriter(table, committer);
    await writer.add(buildBatch({ fields: table.schema.fields }, rows), new Int8Array(rows.length));
    await writer.commit();
  };
  const compact = () => compactTable(table, committer, { isFull: true });
  await write(Array.from({ length: rowCount }, (_, id) => row(2 * id, 'base')));
  await compact();
  // New keys in the first row group, and behind the last.
  const changed = Array.from({ length: 500 }, (_, index) => 2 * index + 1);
  const behind = Array.from({ length: 500 }, (_, index) => 2 * rowCount + index);
  await write([...changed, ...behind].map(id => row(id, 'new')));
  await compact();
  const snapshot = await latestSnapshot(table);
  const files = snapshot === undefined ? [] : await liveEntries(table, snapshot);
  expect(files.map(({ file }) => [file.level, file.rowCount])).toEqual([[5, rowCount + 1_000]]);

  const ref = { warehouse, table: 'db.t' };
  const wanted = new Map<number, readonly Scalar[]>();
  for (let id = 0; id < rowCount; id += 1) wanted.set(2 * id, row(2 * id, 'base'));
  for (const id of [...changed, ...behind]) wanted.set(id, row(id, 'new'));
  const check = async (): Promise<void> => {
    const found = (await paimon.rows(ref)).map(line => JSON.parse(line.slice(line.indexOf('{'))));
    expect(found).toHaveLength(wanted.size);
    const wrong = found.filter(({ id, s, d }) => {
      const [, text, number] = wanted.get(Number(id)) ?? [];
      return text !== s || number !== Number(d);
    });
    expect(wrong).toEqual([]);
  };
  await check();
  for (const id of [0, 1, 100_000, 200_001 - 1, 2 * rowCount - 2, 2 * rowCount + 499]) {
    const found = await paimon.candidates(ref, { column: 'id', operator: '=', literal: String(id) });
    expect(
      found.some(line => Number(JSON.parse(line).id) === id),
      `${id}`,
    ).toBe(true);
    expect(found.length, `${id}`).toBeLessThan(70_000);
  }
  await paimon.append(ref, ['+I {"id":"150000","s":"by Paimon","d":1}']);
  wanted.set(150_000, [150_000n, 'by Paimon', 1]);
  await paimon.compactFully(ref);
  await check();
});
