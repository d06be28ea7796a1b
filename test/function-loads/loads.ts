/**
 * Work that takes as much memory as a function may be given at all: a batch of the log as large as an event holds and many
 * times as large when unpacked, claims of the greatest length, a hundred commit messages at once, a bucket with many runs, a
 * table of thousands of files, a sort of more than fits. Each prepares its lake and gives the events to be handled.
 */
import { randomBytes } from 'node:crypto';
import type { FunctionName } from '../../infra/definitions/functions.ts';
import { mapBounded } from '../../src/base/concurrency.ts';
import { createTable } from '../../src/catalog/catalog.ts';
import { parseIdentifier } from '../../src/catalog/identifier.ts';
import { ingestEvent, openEventIngest } from '../../src/flow/ingest/ingest-event.ts';
import { Producer, type ProducerSettings } from '../../src/flow/producer.ts';
import type { LakeParts } from '../../src/service/lake-parts.ts';
import { logOf } from '../../src/service/lake-parts.ts';
import { openLog } from '../../src/service/open-stores.ts';
import { openLakeTable } from '../../src/service/tables.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import type { Table } from '../../src/table/table.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { RowBatch } from '../../src/types/row-batch.ts';
import { objectCreatedEvent, sqlEvent, urlEvent } from '../services/function-events.ts';
import { kinesisEvent, readStream, shardIds } from '../services/stream-events.ts';
import type { FunctionWorld } from './function-world.ts';
import { wideBatches, wideColumns } from './wide-rows.ts';

export type Load = {
  readonly name: FunctionName;
  readonly what: string;
  /** @param scale of the work, 1 for all of it @returns the events, one after the other for one environment */
  readonly prepare: (world: FunctionWorld, lake: string, scale: number) => Promise<readonly unknown[]>;
  /** Whether the answer to the last event is that of work that was done. */
  readonly isDone: (answer: string) => boolean;
};

export const tableName = 'load.rows';
/** Of an event, with its base64 and what is around each record. */
const eventBytesMax = 5.8 * 1024 * 1024;
const eventOverheadBytes = 600;

export async function makeTable(parts: LakeParts, options: Readonly<Record<string, string>>): Promise<Table> {
  const definition = { columns: wideColumns, primaryKeys: ['id'], partitionKeys: [], options };
  await createTable(parts, parseIdentifier(tableName), definition, { ifNotExists: false });
  return openLakeTable(parts, tableName);
}

export async function write(table: Table, batches: Iterable<RowBatch>): Promise<void> {
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  for (const batch of batches) await writer.add(batch, new Int8Array(batch.rowCount));
  await writer.commit();
}

export async function produce(
  parts: LakeParts,
  table: Table,
  batches: Iterable<RowBatch>,
  settings: Partial<ProducerSettings>,
): Promise<void> {
  const named = { tableId: table.id ?? '', tableName, schema: table.schema };
  await using producer = new Producer({ ...parts, log: logOf(parts, 'a load') }, named, settings);
  for (const batch of batches) await producer.append(batch, new Int8Array(batch.rowCount));
}

/** The stream as its event source would hand it over, in events as full as they may be. */
async function eventsOf(world: FunctionWorld, stream: string): Promise<readonly unknown[]> {
  const events: unknown[] = [];
  for (const shardId of await shardIds(world.kinesis, stream)) {
    let from = 0;
    let bytes = 0;
    const records = await readStream(world.kinesis, stream, shardId);
    for (const [at, { data }] of records.entries()) {
      bytes += data.length + eventOverheadBytes;
      if (bytes <= eventBytesMax) continue;
      events.push(kinesisEvent(stream, shardId, records.slice(from, at)));
      from = at;
      bytes = data.length + eventOverheadBytes;
    }
    if (from < records.length) events.push(kinesisEvent(stream, shardId, records.slice(from)));
  }
  return events;
}

const nothingFails = (answer: string): boolean => answer === '{"batchItemFailures":[]}';

/** Rows that differ in their keys only: a record of them is a hundredth of its rows. */
function* alikeBatches({ schema }: Table, count: number): Generator<RowBatch> {
  const [row = []] = [[0n, 1n, 2n, 3n, 'the same text', 'the same category', 'the same user', 0.5, 1.5, 0n]];
  const step = 50_000;
  for (let start = 0; start < count; start += step) {
    const rows = Array.from({ length: Math.min(step, count - start) }, (_, at) => [
      BigInt(start + at),
      ...row.slice(1),
    ]);
    yield buildBatch({ fields: schema.fields }, rows);
  }
}

const ingestOfRecords: Load = {
  name: 'ingest',
  what: 'a full event, 1.2M rows when unpacked',
  async prepare(world, lake, scale) {
    await using parts = await world.parts(lake);
    const table = await makeTable(parts, { bucket: '4' });
    await produce(parts, table, alikeBatches(table, 1_000_000 * scale), { recordRowsMax: 5_000 });
    const different = wideBatches(table, { count: 200_000 * scale, turn: 1, idOf: index => index });
    await produce(parts, table, different, { recordRowsMax: 500 });
    return eventsOf(world, lake);
  },
  isDone: nothingFails,
};

/** Bytes of the text of a row that goes by a claim check; a claim has 64 MiB at most. */
const claimTextBytes = 16 * 1024 * 1024;

const ingestOfClaims: Load = {
  name: 'ingest',
  what: 'rows of 16 MB, each by a claim check',
  async prepare(world, lake) {
    await using parts = await world.parts(lake);
    const table = await makeTable(parts, { bucket: '1' });
    const text = randomBytes(claimTextBytes / 2).toString('hex');
    const rows = [1n, 2n, 3n].map(id => [id, null, null, null, `${id}${text}`, null, null, null, null, null]);
    const batches = rows.map(row => buildBatch({ fields: table.schema.fields }, [row]));
    await produce(parts, table, batches, { recordRowsMax: 1 });
    return eventsOf(world, lake);
  },
  isDone: nothingFails,
};

/** The senders of commit messages are let go after this; nobody answers them. */
const sendMs = 8_000;

/**
 * Messages for the commit function, one of each shard that has rows, whose senders have given up.
 *
 * @param batches two: the rows of the first are taken in without the commit function, as those of a new table are
 */
export async function messageEvents(
  world: FunctionWorld,
  lake: string,
  {
    parts,
    table,
    batches,
  }: { readonly parts: LakeParts; readonly table: Table; readonly batches: readonly RowBatch[] },
): Promise<readonly unknown[]> {
  const log = logOf(parts, 'a load');
  const { shards } = await log.describe();
  const settings = { ...parts.settings, kinesis: { ...parts.settings.kinesis, createWithShards: 1 } };
  await using commitLog = await openLog(`kinesis://${lake}-commits`, settings, parts);
  for (const [turn, batch] of batches.entries()) {
    await produce(parts, table, [batch], {});
    await using ingest = openEventIngest({ ...parts, log, commitLog: turn === 0 ? undefined : commitLog });
    const deadlineMs = parts.clock.monotonicMs() + (turn === 0 ? 600_000 : sendMs);
    await mapBounded(shards, turn === 0 ? 1 : shards.length, async ({ shardId }) => {
      const { records: envelopes } = await log.read(shardId, { kind: 'earliest' });
      await ingestEvent(ingest, { shardId, envelopes: turn === 0 ? envelopes : envelopes.slice(-1), deadlineMs });
    });
  }
  return eventsOf(world, `${lake}-commits`);
}

const commitMessages: Load = {
  name: 'commit',
  what: 'messages of 16 shards for a table',
  async prepare(world, lake) {
    const shardCount = 16;
    await using parts = await world.parts(lake, shardCount);
    const table = await makeTable(parts, { bucket: '16' });
    const idOf = (index: number): number => index;
    const batches = [1, 2].flatMap(turn => [...wideBatches(table, { count: 40_000, turn, idOf })]);
    return await messageEvents(world, lake, { parts, table, batches });
  },
  isDone: nothingFails,
};

const compactRuns: Load = {
  name: 'compact',
  what: '1M rows and 10 runs of 100,000',
  async prepare(world, lake, scale) {
    await using parts = await world.parts(lake);
    const table = await makeTable(parts, { bucket: '1', 'full-compaction.delta-commits': '1' });
    const count = 1_000_000 * scale;
    await write(table, wideBatches(table, { count, turn: 1, idOf: index => (index * 618_033) % count }));
    await using committer = new Committer(table);
    await compactTable(table, committer, { isFull: true });
    for (let turn = 0; turn < 10; turn += 1) {
      const idOf = (index: number): number => {
        const k = (index * 61_803) % (count / 10);
        return k * 10 + ((k * 7 + turn * 3) % 10);
      };
      await write(table, wideBatches(table, { count: count / 10, turn: 1_000 + turn, idOf }));
    }
    const id = (await latestSnapshot(table))?.id ?? 0;
    return [snapshotEvent(world, lake, id)];
  },
  isDone: answer => answer.includes('"commits":1') && answer.includes('"end":"done"'),
};

export function snapshotEvent(world: FunctionWorld, lake: string, id: number): unknown {
  const [database, table] = tableName.split('.');
  return objectCreatedEvent(world.minio.bucket, `${lake}/${database}.db/${table}/snapshot/snapshot-${id}`);
}

const maintainFiles: Load = {
  name: 'maintain',
  what: '4,800 files in 150 snapshots',
  async prepare(world, lake, scale) {
    await using parts = await world.parts(lake);
    const table = await makeTable(parts, { bucket: '32', 'snapshot.num-retained.max': '10' });
    for (let turn = 0; turn < 150 * scale; turn += 1) {
      await write(table, wideBatches(table, { count: 320, turn, idOf: index => turn * 320 + index }));
    }
    return [{ orphans: 'remove' }];
  },
  isDone: answer => answer.includes('"tables":1') && answer.includes('"givenUp":[]'),
};

const querySort: Load = {
  name: 'query',
  what: 'a merge, a group-by and a sort of 1M rows',
  async prepare(world, lake, scale) {
    await using parts = await world.parts(lake);
    const table = await makeTable(parts, { bucket: '2' });
    const count = 800_000 * scale;
    await write(table, wideBatches(table, { count, turn: 1, idOf: index => index }));
    await write(table, wideBatches(table, { count: count / 4, turn: 2, idOf: index => index * 4 }));
    return [
      sqlEvent(`SELECT count(*) AS c, sum(b1) AS s FROM ${tableName}`),
      sqlEvent(`SELECT s2, count(*) AS c, max(d1) AS d FROM ${tableName} GROUP BY s2 ORDER BY c DESC LIMIT 10`),
      sqlEvent(`SELECT s1, s3, d1 FROM ${tableName} ORDER BY s1, s3, d1 LIMIT 100 OFFSET ${Math.floor(count / 2)}`),
      sqlEvent(`SELECT count(*) AS c FROM (SELECT s1, s3, b1, count(*) AS n FROM ${tableName} GROUP BY s1, s3, b1)`),
    ];
  },
  isDone: answer => answer.includes('"statusCode":200') && answer.includes('"rows":[{'),
};

const catalogRows: Load = {
  name: 'catalog',
  what: 'a request of 5 MB of rows, three times',
  async prepare(world, lake) {
    await using parts = await world.parts(lake);
    await makeTable(parts, { bucket: '4' });
    const count = 40_000;
    const changes = Array.from({ length: count }, (_, index) => ({
      op: '+I',
      row: { id: String(index), b1: String(index * 7), s1: `text ${index}`, s2: 'category', d1: index / 8 },
    }));
    return [1, 2, 3].map(() =>
      urlEvent({ method: 'POST', path: `/v1/tables/${tableName}/rows`, body: JSON.stringify(changes) }),
    );
  },
  isDone: answer => answer.includes('"statusCode":200') && answer.includes('"rows":40000'),
};

export const loads: readonly Load[] = [
  ingestOfRecords,
  ingestOfClaims,
  commitMessages,
  compactRuns,
  maintainFiles,
  querySort,
  catalogRows,
];
