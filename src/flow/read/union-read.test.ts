/** What a union read asks of the log; that its rows are right is tested in union-read.long.test.ts. */
import { expect, test } from 'vitest';
import { createTable } from '../../catalog/catalog.ts';
import { countingLogStore } from '../../storage/counting-log-store.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { append, collect, openTestTable, testDefinition, testIdentifier, testProducer, testWorld } from '../testing.ts';
import { unionRead } from './union-read.ts';

async function halfIngested() {
  const w = testWorld(3);
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  const rowsFrom = (first: number) => Array.from({ length: 20 }, (_, i) => [BigInt(first + i), 'v', first + i]);
  await append(producer, schema, rowsFrom(0));
  await using worker = new IngestWorker(w);
  await worker.drain();
  await append(producer, schema, rowsFrom(20));
  return { w, table: await openTestTable(w) };
}

test('a union read asks once which shards there are and reads each once', async () => {
  const { w, table } = await halfIngested();
  const log = countingLogStore(w.log);
  expect(await collect(unionRead({ ...w, log }, table))).toHaveLength(40);
  expect(log.counts()).toMatchObject({ describe: 1, read: 4 });
});

test('by key only the shard is read, and only the checkpoint, that the key can be in', async () => {
  const { w, table } = await halfIngested();
  const log = countingLogStore(w.log);
  const checkpoints: string[] = [];
  const store = countingObjectStore(w.store, (operation, key) => {
    if (operation === 'get' && key.startsWith('tidelake-log/')) checkpoints.push(key);
  });
  for (const k of [7n, 27n]) {
    checkpoints.length = 0;
    const before = log.counts();
    const predicate = { kind: 'compare', op: '=', column: 'k', value: k } as const;
    expect(await collect(unionRead({ ...w, store, log }, table, { predicate }))).toEqual([[k, 'v', Number(k)]]);
    const after = log.counts();
    expect([after.describe - before.describe, after.read - before.read, checkpoints.length]).toEqual([1, 1, 1]);
  }
});
