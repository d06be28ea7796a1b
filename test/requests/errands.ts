/** The errands whose requests are held: in one table of one bucket, in virtual time, each by the service function that does it. */
import { seededRandom } from '../../src/base/random.ts';
import { createTable } from '../../src/catalog/catalog.ts';
import { openEventIngest } from '../../src/flow/ingest/ingest-event.ts';
import { Producer } from '../../src/flow/producer.ts';
import { unionRead } from '../../src/flow/read/union-read.ts';
import { compactOnSnapshot } from '../../src/service/functions/compact-function.ts';
import { ingestRecords } from '../../src/service/functions/ingest-function.ts';
import { LookedTables } from '../../src/service/functions/looked-tables.ts';
import { maintain } from '../../src/service/functions/maintain-function.ts';
import { countingObjectStore } from '../../src/storage/counting-object-store.ts';
import type { LogStart } from '../../src/storage/log-store.ts';
import { MemoryLogStore } from '../../src/storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { manifestCaches } from '../../src/table/manifests.ts';
import { readPlan } from '../../src/table/read/read-split.ts';
import { planScan } from '../../src/table/scan/plan-scan.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openTable } from '../../src/table/table.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { OrderChanges, orderColumns } from '../order-changes.ts';
import { ManualClock } from '../table-fixture.ts';

/** Requests and bytes by name. */
export type Figures = Readonly<Record<string, number>>;

const rowsPerBatch = 1_000;
const windowMs = 10_000;
const context = { getRemainingTimeInMillis: () => 600_000 };
const identifier = { database: 'db', table: 'orders', branch: undefined, systemTable: undefined };

/** Waits that belong to an errand take no time; that the time of an invocation is up never comes. */
class ErrandClock extends ManualClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms < 60_000) return super.sleep(ms, signal);
    signal?.throwIfAborted();
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
  }
}

/** Names and what was asked, in the order in which the errands were run. */
export async function measureErrands(): Promise<ReadonlyMap<string, Figures>> {
  const world = await newWorld();
  const { measured, ingestNext, compactNext } = world;
  await measured('ingest: first batch of a new container', ingestNext);
  await measured('compact: first look of a new container', compactNext);
  for (let batch = 0; batch < 4; batch += 1) {
    await ingestNext();
    await compactNext();
  }
  await measured('ingest: next batch', ingestNext);
  await measured('compact: a look, nothing to do', compactNext);
  await compactUntilDone(world);
  await measured('ingest: batch after a compaction', ingestNext);
  await measured('write: commit of a warm writer', () => world.commitDirectly());
  await readAndMaintain(world);
  return world.figures;
}

type World = Awaited<ReturnType<typeof newWorld>>;

async function newWorld() {
  const clock = new ErrandClock();
  const random = seededRandom(1);
  const store = countingObjectStore(new MemoryObjectStore('memory:errands', clock));
  const log = new MemoryLogStore({ name: 'errands', shardCount: 1 }, { clock, random });
  const parts = { clock, random };
  const definition = {
    columns: orderColumns,
    primaryKeys: ['id'],
    partitionKeys: [],
    options: { bucket: '1' },
    comment: undefined,
  };
  await createTable({ store, ...parts }, identifier, definition, { ifNotExists: false });
  const table = await openTable(store, { database: 'db', name: 'orders' }, parts);
  const changes = new OrderChanges(seededRandom(2), { fields: table.schema.fields });
  const producer = new Producer(
    { log, store, ...parts },
    { tableId: table.id ?? '', tableName: table.label, schema: table.schema },
  );
  const ingest = openEventIngest({ store, log, ...parts });
  const committer = new Committer(table);
  const compacting = {
    settings: { warehouse: 's3://bucket' },
    store,
    ...parts,
    caches: manifestCaches(),
    looked: new LookedTables(),
  };
  const [{ shardId } = { shardId: '' }] = (await log.describe()).shards;
  let next: LogStart = { kind: 'earliest' };
  let [lookedId, committed] = [0, 0];
  const figures = new Map<string, Figures>();
  return {
    clock,
    parts,
    store,
    log,
    table,
    figures,
    async measured<T>(name: string, errand: () => Promise<T>): Promise<T> {
      store.reset();
      const result = await errand();
      const { put, putIfAbsent, putIfMatch, get, getRange, head, list, delete: deletes, ...bytes } = store.counts();
      figures.set(name, {
        put: put + putIfAbsent + putIfMatch,
        list,
        get: get + getRange + head,
        delete: deletes,
        ...bytes,
      });
      return result;
    },
    /** One batch, a window after the last. */
    async ingestNext(): Promise<void> {
      const batch = changes.batch(rowsPerBatch, clock.nowMs());
      await producer.append(batch, new Int8Array(rowsPerBatch));
      clock.advance(windowMs);
      const read = await log.read(shardId, next, {});
      next = read.next;
      const { figures: told } = await ingestRecords(ingest, [{ shardId, envelopes: read.records }], context);
      if (told.commits !== 1) throw new Error(`${told.commits} commits: ${told.failures.join()}`);
    },
    /** The event of the next snapshot that nobody has looked at. */
    async compactNext(): Promise<number> {
      lookedId += 1;
      const key = `db.db/orders/snapshot/snapshot-${lookedId}`;
      return (await compactOnSnapshot(compacting, { bucket: 'bucket', key }, context)).commits;
    },
    async commitDirectly(): Promise<void> {
      // The first makes it warm, and what it asked does not count.
      for (; committed < 2; committed += 1) {
        await committer[Symbol.asyncDispose]();
        store.reset();
        const writer = new TableWriter(table, committer);
        await writer.add(changes.batch(rowsPerBatch, clock.nowMs()), new Int8Array(rowsPerBatch));
        await writer.commit();
      }
      await committer[Symbol.asyncDispose]();
    },
  };
}

/** Batches until there is something to compact: then a compaction, and the event of its own snapshot. */
async function compactUntilDone({ ingestNext, measured, compactNext }: World): Promise<void> {
  const name = 'compact: merges the newest runs';
  do await ingestNext();
  while ((await measured(name, compactNext)) === 0);
  await measured('compact: event of its own snapshot', compactNext);
}

async function readAndMaintain({ measured, store, parts, log, clock }: World): Promise<void> {
  const open = () => openTable(store, { database: 'db', name: 'orders' }, parts);
  await measured('read: plan of a scan, nothing known', async () => {
    const table = await open();
    await planScan(table, await latestSnapshot(table), {});
  });
  await measured('read: all rows, nothing known', async () => {
    const table = await open();
    for await (const _batch of readPlan(table, await planScan(table, await latestSnapshot(table), {}), {}));
  });
  await measured('read: all rows and the log’s tail, nothing known', async () => {
    for await (const _batch of unionRead({ log, store }, await open(), {}));
  });
  const maintaining = { settings: { warehouse: 's3://bucket' }, store, log, ...parts };
  await measured('maintain: nothing to do', () => maintain(maintaining, { orphans: 'skip' }, context));
  clock.advance(2 * 3_600_000);
  await measured('maintain: snapshots expire', () => maintain(maintaining, { orphans: 'skip' }, context));
  await measured('maintain: looks for orphans', () => maintain(maintaining, { orphans: 'remove' }, context));
}
