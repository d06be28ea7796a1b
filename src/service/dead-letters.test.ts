/** Dead letters through the SDK: what is told of them, and how they come back. */
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { append, testProducer } from '../flow/testing.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { openTable } from '../table/table.ts';
import { t } from './column-types.ts';
import { deadLetterLines, forecastReplay } from './dead-letters.ts';
import { type Lake, openLake } from './lake.ts';

/** A lake on these stores with rows of `db.t` in the log, of which the second has no `v`, as its schema asks. */
async function lakeWithLetter() {
  const parts = { clock: systemClock, random: seededRandom(3) };
  const store = new MemoryObjectStore('memory:letters', systemClock);
  const log = new MemoryLogStore({ name: 'letters', shardCount: 1 }, parts);
  const lake = await openLake({ warehouse: 'memory:letters' }, { store, log, ...parts });
  await lake.createTable('db.t', { columns: { k: t.bigint(), v: t.string() }, primaryKey: ['k'] });
  const { schema } = await openTable(store, { database: 'db', name: 't' }, parts);
  const fields = schema.fields.map(field => ({ ...field, type: { ...field.type, nullable: true } }));
  await append(testProducer({ store, log, ...parts }, schema), { ...schema, fields }, [
    [1n, 'a'],
    [2n, null],
  ]);
  await lake.ingest();
  return { lake, open: () => openTable(store, { database: 'db', name: 't' }, parts) };
}

async function keysOf(lake: Lake): Promise<readonly unknown[]> {
  const keys: unknown[] = [];
  for await (const { k } of (await lake.table('db.t')).scan()) keys.push(k);
  return keys;
}

test('a letter tells its reason, its place in the log and its producer', async () => {
  const { lake, open } = await lakeWithLetter();
  await using _lake = lake;
  const table = await lake.table('db.t');
  const letters = await Array.fromAsync(table.deadLetters());
  expect(letters).toEqual([
    {
      reason: 'null-value',
      detail: expect.stringContaining('`v`'),
      rowCount: 1,
      shard: expect.any(String),
      position: expect.any(BigInt),
      arrivalMs: expect.any(Number),
      producerId: expect.any(String),
      producerNumber: 1,
      schemaId: 0,
    },
  ]);
  const [line = ''] = await Array.fromAsync(deadLetterLines(await open()));
  expect(JSON.parse(line)).toEqual({ ...letters[0], position: String(letters[0]?.position) });
});

test('what would be replayed is told without doing it, and is done when the schema takes it', async () => {
  const { lake, open } = await lakeWithLetter();
  await using _lake = lake;
  const table = await lake.table('db.t');
  const kept = [{ reason: 'null-value', detail: expect.any(String), rowCount: 1 }];
  expect(await forecastReplay(await open())).toEqual({ fittingRows: 0, pendingRows: 0, kept });
  expect(await table.replayDeadLetters({ waitMs: 0 })).toEqual({ replayedRows: 0, pendingRows: 0, kept });
  await lake.sql('ALTER TABLE db.t MODIFY v STRING');
  expect(await forecastReplay(await open())).toEqual({ fittingRows: 1, pendingRows: 0, kept: [] });
  expect(await table.replayDeadLetters({ waitMs: 0 })).toEqual({ replayedRows: 0, pendingRows: 1, kept: [] });
  expect(await forecastReplay(await open())).toEqual({ fittingRows: 0, pendingRows: 1, kept: [] });
  expect(await Array.fromAsync(table.deadLetters())).toEqual([]);
  expect(await keysOf(lake)).toEqual([1n]);
  await lake.ingest();
  expect(await table.replayDeadLetters({ waitMs: 0 })).toEqual({ replayedRows: 1, pendingRows: 0, kept: [] });
  expect(await keysOf(lake)).toEqual([1n, 2n]);
  expect(await table.accounting()).toMatchObject({ rowsIn: 3n, written: 2n, deadLettered: 1n, replayed: 1n });
});

test('dead letters are a table, from the commit that put them aside until a replay has brought them back', async () => {
  const { lake, open } = await lakeWithLetter();
  await using _lake = lake;
  const table = await lake.table('db.t');
  const [letter] = await Array.fromAsync(table.deadLetters());
  const [row] = await table.system('dead_letters');
  expect(row).toEqual({
    reason: 'null-value',
    detail: letter?.detail,
    row_count: 1n,
    shard: letter?.shard,
    position: String(letter?.position),
    arrival_time: expect.anything(),
    producer_id: letter?.producerId,
    producer_number: 1n,
    schema_id: 0n,
    record_bytes: expect.any(BigInt),
    record: expect.any(Uint8Array),
    snapshot_id: 1n,
    replayed: false,
  });
  const record = row?.['record'];
  expect(BigInt((record as Uint8Array).byteLength)).toBe(row?.['record_bytes']);
  const query = 'SELECT reason, row_count, snapshot_id, replayed, octet_length(record) = record_bytes AS whole';
  const now = async (hint = '') => (await lake.sql(`${query} FROM db.\`t$dead_letters\`${hint}`)).rows();
  const waiting = { reason: 'null-value', row_count: 1n, snapshot_id: 1n, replayed: false, whole: true };
  expect(await now()).toEqual([waiting]);
  await lake.sql('ALTER TABLE db.t MODIFY v STRING');
  const call = "CALL sys.replay_dead_letters(`table` => 'db.t', `wait` => '0 s')";
  expect(await (await lake.sql(call)).rows()).toEqual([{ replayed_rows: 0n, pending_rows: 1n, kept_rows: 0n }]);
  expect(await now()).toEqual([{ ...waiting, replayed: true }]);
  await lake.ingest();
  expect(await (await lake.sql(call)).rows()).toEqual([{ replayed_rows: 1n, pending_rows: 0n, kept_rows: 0n }]);
  expect(await now()).toEqual([]);
  expect(await now(" /*+ OPTIONS('scan.snapshot-id' = '1') */")).toEqual([waiting]);
  expect(await forecastReplay(await open())).toEqual({ fittingRows: 0, pendingRows: 0, kept: [] });
});

test('a lake without a log has nowhere to replay to, and a table without one no dead letters', async () => {
  await using lake = await openLake({ warehouse: 'memory:letters-no-log', log: 'none' });
  const table = await lake.createTable('db.t', { columns: { k: t.bigint() } });
  expect(await Array.fromAsync(table.deadLetters())).toEqual([]);
  await expect(table.replayDeadLetters()).rejects.toMatchObject({ code: 'LAKE_NO_LOG' });
});
