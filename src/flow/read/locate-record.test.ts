/** From a record of the log to the snapshot that brought it in, past the snapshots of other programs. */
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { createTable } from '../../catalog/catalog.ts';
import { encodeSnapshot } from '../../format/snapshot.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { AcknowledgedRecord } from '../acknowledged-record.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { append, openTestTable, testDefinition, testIdentifier, testProducer, testWorld } from '../testing.ts';
import { locateRecord } from './locate-record.ts';

test('a record is found in the snapshot that brought it, though others have committed on top of it', async () => {
  const w = testWorld();
  await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const table = await openTestTable(w);
  const records: AcknowledgedRecord[] = [];
  await using producer = testProducer({ ...w, onAcknowledged: record => records.push(record) }, table.schema);
  await using worker = new IngestWorker(w);
  const take = async (k: bigint): Promise<void> => {
    await append(producer, table.schema, [[k, 'x', 1]]);
    await worker.drain();
  };
  await take(1n);
  const first = present(await latestSnapshot(table), 'a snapshot');
  // Another program's: they carry none of our properties.
  for (const id of [first.id + 1, first.id + 2]) {
    await w.store.put(`${table.metaPath}/snapshot/snapshot-${id}`, encodeSnapshot({ ...first, id, properties: {} }));
  }
  await take(2n);
  const found = await Promise.all(
    records.map(({ shardId, position }) => locateRecord(table, { kind: 'place', shardId, position })),
  );
  expect(found).toMatchObject([
    { status: 'in-table', snapshot: { id: first.id } },
    { status: 'in-table', snapshot: { id: first.id + 3 } },
  ]);
});
