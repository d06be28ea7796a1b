/** Bulk loads through the SDK: rows, columns and lines, of tables with a log. */
import { tableFromArrays } from 'apache-arrow';
import { expect, test } from 'vitest';
import { t } from './column-types.ts';
import { openLake } from './lake.ts';
import { openLakeParts } from './lake-parts.ts';
import { loadTable } from './load-table.ts';
import { openLakeTable } from './tables.ts';

const spec = { columns: { k: t.int(), v: t.string().nullable() }, primaryKey: ['k'], options: { bucket: 2 } } as const;
const lines = (...changes: unknown[]) =>
  (async function* () {
    yield Buffer.from(changes.map(change => `${JSON.stringify(change)}\n`).join(''));
  })();

test('rows, columns and lines are loaded, once each under its name, with their headers', async () => {
  await using lake = await openLake({ warehouse: 'memory:load', log: 'memory:load' });
  const table = await lake.createTable('d.t', spec);
  const rows = Array.from({ length: 5_000 }, (_, k) => ({ k, v: 'rows' }));
  expect(await table.load({ rows }, { name: 'rows' })).toMatchObject({
    ...{ name: 'rows', status: 'acknowledged', rowCount: 5_000, recordCount: 2 },
    records: [{ rowCount: expect.any(Number) }, { rowCount: expect.any(Number) }],
  });
  const columns = [
    tableFromArrays({ k: Int32Array.of(1, 2) }),
    tableFromArrays({ k: Int32Array.of(3), v: ['columns'] }),
  ];
  expect(await table.load({ columns }, { name: 'columns' })).toMatchObject({ rowCount: 3 });
  const changes = lines({ op: '-D', row: { k: 0 } }, { op: 'commit' }, { op: '+U', row: { k: 4, v: 'lines' } });
  expect(await table.load({ lines: changes }, { name: 'lines', headers: { job: '7' } })).toMatchObject({ rowCount: 2 });
  expect(await table.load({ rows: [] }, { name: 'rows' })).toMatchObject({ status: 'repeated', rowCount: 5_000 });
  const expected = [
    { k: 1, v: null },
    { k: 2, v: null },
    { k: 3, v: 'columns' },
    { k: 4, v: 'lines' },
    { k: 5, v: 'rows' },
  ];
  const first = async (union: boolean) =>
    (await table.scan({ union }).rows()).toSorted((a, b) => a.k - b.k).slice(0, 5);
  expect(await first(true)).toEqual(expected);
  const headers: unknown[] = [];
  for await (const change of table.subscribe({ from: 'full', until: 'now' })) headers.push(change.headers);
  expect(headers.filter(given => given !== undefined)).toEqual([{ job: '7' }, { job: '7' }]);
  await lake.ingest();
  expect(await first(false)).toEqual(expected);
  expect(await table.accounting()).toMatchObject({ rowsIn: 5_005n, deadLettered: 0n, gaps: 0n, duplicates: 0n });
});

test('a load goes to the log that its table names, whoever opened the table', async () => {
  const address = { warehouse: 'memory:load-named', log: 'memory:load-named' };
  await using lake = await openLake(address);
  const table = await lake.createTable('d.t', { ...spec, options: { ...spec.options, 'log.name': 'own' } });
  await using parts = await openLakeParts(address);
  const rows = [{ k: 1, v: 'a' }];
  await loadTable(parts, await openLakeTable(parts, 'd.t'), { rows }, { name: 'a' });
  expect(await table.scan({ union: true }).rows()).toEqual(rows);
  expect(await table.load({ rows: [] }, { name: 'a' })).toMatchObject({ status: 'repeated', rowCount: 1 });
});

test('what cannot be loaded is refused, and nothing of it is there', async () => {
  await using lake = await openLake({ warehouse: 'memory:load-bad', log: 'memory:load-bad' });
  const table = await lake.createTable('d.t', spec);
  const refused = (code: string) => expect.objectContaining({ code });
  const good = Array.from({ length: 100 }, (_, k) => ({ k, v: 'x' }));
  await expect(table.load({ rows: good }, { name: 'a/b' })).rejects.toEqual(refused('LAKE_BAD_PRODUCER'));
  await expect(table.load({ rows: good }, { name: 'a', headers: { 'b c': '' } })).rejects.toEqual(
    refused('LAKE_BAD_HEADERS'),
  );
  const bad = lines(...good.map(row => ({ op: '+I', row })), { op: '+I', row: { k: null } });
  await expect(table.load({ lines: bad }, { name: 'a' })).rejects.toMatchObject({
    code: expect.stringMatching(/^LAKE_/),
  });
  const wrong = [tableFromArrays({ k: Int32Array.of(1), other: Int32Array.of(1) })];
  await expect(table.load({ columns: wrong }, { name: 'a' })).rejects.toEqual(refused('LAKE_BAD_BATCH'));
  expect(await table.scan({ union: true }).rows()).toEqual([]);
  expect(await table.load({ rows: good }, { name: 'a' })).toMatchObject({ status: 'acknowledged', rowCount: 100 });
  await using bare = await openLake({ warehouse: 'memory:load-bare' });
  const unlogged = await bare.createTable('d.t', spec);
  await expect(unlogged.load({ rows: good }, { name: 'a' })).rejects.toEqual(refused('LAKE_NO_LOG'));
});
