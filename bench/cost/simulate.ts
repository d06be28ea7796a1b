/**
 * A lake under a steady load, in virtual time and on memory: producers, the ingest function once a batch window, the compact
 * function after each snapshot, the maintain function every ten minutes, each by its own service function. What was asked of
 * the stores is what their meters say.
 */
import { seededRandom } from '../../src/base/random.ts';
import { createTable } from '../../src/catalog/catalog.ts';
import { openEventIngest } from '../../src/flow/ingest/ingest-event.ts';
import { tableOfRecord } from '../../src/flow/log-record.ts';
import { Producer } from '../../src/flow/producer.ts';
import { Meter } from '../../src/metering/meter.ts';
import { meteredLogStore } from '../../src/metering/metered-log-store.ts';
import { meteredObjectStore } from '../../src/metering/metered-object-store.ts';
import { type Purpose, purposes, sumUsage, type Usage } from '../../src/metering/usage.ts';
import { compactOnSnapshot } from '../../src/service/functions/compact-function.ts';
import { ingestRecords } from '../../src/service/functions/ingest-function.ts';
import { LookedTables } from '../../src/service/functions/looked-tables.ts';
import { maintain } from '../../src/service/functions/maintain-function.ts';
import type { LogRecordEnvelope, LogStart, LogStore } from '../../src/storage/log-store.ts';
import { MemoryLogStore } from '../../src/storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { manifestCaches } from '../../src/table/manifests.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openTable } from '../../src/table/table.ts';
import { rowsOf } from '../../src/types/column-reader.ts';
import { jsonBytesOf, OrderChanges, orderColumns } from '../../test/order-changes.ts';
import { ManualClock } from '../../test/table-fixture.ts';

export type Load = {
  readonly minutes: number;
  readonly shards: number;
  readonly rowsPerSecond: number;
  readonly rowsPerRecord: number;
  readonly windowSeconds: number;
  /** Minutes at the beginning that do not count: caches are cold and tables are small. */
  readonly warmMinutes?: number;
};

export type FunctionFigures = {
  readonly usage: Usage;
  readonly invocations: number;
  readonly cpuMs: number;
};

export type Simulated = {
  readonly rows: number;
  readonly jsonBytes: number;
  readonly byPurpose: Readonly<Record<Purpose, FunctionFigures>>;
  readonly commits: number;
};

const tableName = 'db.orders';
const maintainEveryMs = 600_000;
const context = { getRemainingTimeInMillis: () => 600_000 };

export async function simulate(load: Load): Promise<Simulated> {
  const world = await newWorld(load);
  const { clock, meter } = world;
  const endMs = clock.nowMs() + load.minutes * 60_000;
  const countsFromMs = clock.nowMs() + (load.warmMinutes ?? 0) * 60_000;
  let isWarm = false;
  let maintainedMs = clock.nowMs();
  while (clock.nowMs() < endMs) {
    if (!isWarm && clock.nowMs() >= countsFromMs) {
      isWarm = true;
      for (const day of meter.days) meter.forget(day);
      world.cpuMs.clear();
      world.invocations.clear();
      Object.assign(world.produced, { rows: 0, jsonBytes: 0 });
    }
    await produce(world, load);
    for (const shardId of world.shardIds) await ingestShard(world, shardId);
    await compactNew(world);
    if (clock.nowMs() - maintainedMs < maintainEveryMs) continue;
    maintainedMs = clock.nowMs();
    await timed(world, 'maintenance', () => maintain(world.maintainParts, { orphans: 'skip' }, context));
  }
  return resultOf(world);
}

/** Time goes when rows are produced and in short waits; the end of an invocation's time never comes. */
class VirtualClock extends ManualClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms < 60_000) return super.sleep(ms, signal);
    signal?.throwIfAborted();
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));
  }
}

type World = Awaited<ReturnType<typeof newWorld>>;

async function newWorld(load: Load) {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const store = new MemoryObjectStore('memory:cost', clock);
  const log = new MemoryLogStore({ name: 'cost', shardCount: load.shards, retentionMs: 3_600_000 }, { clock, random });
  const meter = new Meter(clock);
  const s3 = (purpose: Purpose): ObjectStore => ({ ...meteredObjectStore(store, meter, purpose), uri: 's3://bucket' });
  const logFor = (purpose: Purpose): LogStore => meteredLogStore(log, { meter, purpose, tableOf: tableOfRecord });
  const parts = { clock, random };
  const identifier = { database: 'db', table: 'orders', branch: undefined, systemTable: undefined };
  const options = { bucket: String(load.shards) };
  const definition = { columns: orderColumns, primaryKeys: ['id'], partitionKeys: [], options, comment: undefined };
  await createTable({ store, ...parts }, identifier, definition, { ifNotExists: false });
  const table = await openTable(store, { database: 'db', name: 'orders' }, parts);
  const settings = { warehouse: 's3://bucket' };
  return {
    clock,
    meter,
    table,
    log,
    shardIds: (await log.describe()).shards.map(shard => shard.shardId),
    changes: new OrderChanges(seededRandom(2), { fields: table.schema.fields }),
    producer: new Producer(
      { log: logFor('produce'), store: s3('produce'), ...parts },
      { tableId: table.id ?? '', tableName, schema: table.schema },
    ),
    // A container for each shard, as Lambda has it.
    ingests: new Map<string, ReturnType<typeof openEventIngest>>(),
    openIngest: () => openEventIngest({ store: s3('ingest'), log: logFor('ingest'), ...parts }),
    compactParts: { settings, store: s3('compaction'), ...parts, caches: manifestCaches(), looked: new LookedTables() },
    maintainParts: { settings, store: s3('maintenance'), log: logFor('maintenance'), ...parts },
    next: new Map<string, LogStart>(),
    compactedId: 0,
    cpuMs: new Map<Purpose, number>(),
    invocations: new Map<Purpose, number>(),
    produced: { rows: 0, jsonBytes: 0 },
  };
}

/** A window's rows, second by second. */
async function produce(world: World, load: Load): Promise<void> {
  const { clock, producer, produced, changes } = world;
  for (let second = 0; second < load.windowSeconds; second += 1) {
    const sent: Promise<unknown>[] = [];
    for (let row = 0; row < load.rowsPerSecond; row += load.rowsPerRecord) {
      const batch = changes.batch(Math.min(load.rowsPerRecord, load.rowsPerSecond - row), clock.nowMs());
      if (rowBytes === undefined) rowBytes = jsonBytesOf(batch, rowsOf(batch)) / batch.rowCount;
      produced.rows += batch.rowCount;
      produced.jsonBytes += rowBytes * batch.rowCount;
      sent.push(producer.append(batch, new Int8Array(batch.rowCount)));
      await Promise.all(sent);
    }
    clock.advance(1_000);
  }
}

/** Of the workload, as JSON; the mean of the first batch. */
let rowBytes: number | undefined;

async function ingestShard(world: World, shardId: string): Promise<void> {
  let next = world.next.get(shardId) ?? { kind: 'earliest' };
  const envelopes: LogRecordEnvelope[] = [];
  for (let isAtTip = false; !isAtTip; ) {
    const read = await world.log.read(shardId, next, { recordsMax: 10_000 });
    envelopes.push(...read.records);
    ({ next, atTip: isAtTip } = read);
  }
  world.next.set(shardId, next);
  if (envelopes.length === 0) return;
  const ingest = world.ingests.get(shardId) ?? world.openIngest();
  world.ingests.set(shardId, ingest);
  const { answer, figures } = await timed(world, 'ingest', () =>
    ingestRecords(ingest, [{ shardId, envelopes }], context),
  );
  if (answer.batchItemFailures.length > 0) throw new Error(`not taken: ${figures.failures.join('; ')}`);
}

/** An event for each snapshot, those of compactions among them. */
async function compactNew(world: World): Promise<void> {
  for (;;) {
    const head = (await latestSnapshot(world.table))?.id ?? 0;
    if (world.compactedId >= head) return;
    world.compactedId += 1;
    const key = `db.db/orders/snapshot/snapshot-${world.compactedId}`;
    await timed(world, 'compaction', () => compactOnSnapshot(world.compactParts, { bucket: 'bucket', key }, context));
  }
}

async function timed<T>(world: World, purpose: Purpose, run: () => Promise<T>): Promise<T> {
  const before = process.cpuUsage();
  const result = await run();
  const { user, system } = process.cpuUsage(before);
  world.cpuMs.set(purpose, (world.cpuMs.get(purpose) ?? 0) + (user + system) / 1_000);
  world.invocations.set(purpose, (world.invocations.get(purpose) ?? 0) + 1);
  return result;
}

function resultOf(world: World): Simulated {
  const { meter, produced } = world;
  const entries = meter.days.flatMap(day => meter.entries(day));
  const figures = purposes.map((purpose): [Purpose, FunctionFigures] => {
    const usage = sumUsage(entries.filter(entry => entry.purpose === purpose).map(entry => entry.usage));
    const invocations = world.invocations.get(purpose) ?? 0;
    return [purpose, { usage, invocations, cpuMs: world.cpuMs.get(purpose) ?? 0 }];
  });
  return {
    rows: produced.rows,
    jsonBytes: produced.jsonBytes,
    byPurpose: Object.fromEntries(figures) as Record<Purpose, FunctionFigures>,
    commits: world.invocations.get('ingest') ?? 0,
  };
}
