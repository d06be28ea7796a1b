/**
 * Ingest of many shards into one table, committed by swaps of each worker and by messages to one committer: a log of 256 shards in
 * memory, real workers that each take the batches of their shards as an event source hands them over, a warehouse on MinIO, the
 * committer with a log on the disk. All are tasks of this process, and MinIO is on the same two cores. Each row must be in the table
 * once, and each shard's position at its end. docs/STREAMS.md has the figures.
 *
 * Run: `npm run bench -- group-commit [--shards 256] [--workers 64] [--rounds 4] [--inline-rounds 1]`.
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { present } from '../src/base/assert.ts';
import { systemClock } from '../src/base/clock.ts';
import { mapBounded } from '../src/base/concurrency.ts';
import { systemRandom } from '../src/base/random.ts';
import { applyCommitEvent, openCommitApplier } from '../src/flow/group-commit/commit-event.ts';
import { type EventIngest, ingestEvent, openEventIngest } from '../src/flow/ingest/ingest-event.ts';
import { stateOfHead } from '../src/flow/ingest/load-state.ts';
import { t } from '../src/service/column-types.ts';
import { openLake } from '../src/service/lake.ts';
import { countingObjectStore } from '../src/storage/counting-object-store.ts';
import { openLocalLog } from '../src/storage/local/local-log-store.ts';
import type { LogRecordEnvelope, LogStart, LogStore } from '../src/storage/log-store.ts';
import { MemoryLogStore } from '../src/storage/memory/memory-log-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { openObjectStore } from '../src/storage/open-object-store.ts';
import { waitForMore } from '../src/storage/wait-for-more.ts';
import { latestSnapshot } from '../src/table/snapshots.ts';
import { openTable } from '../src/table/table.ts';
import { startMinio } from '../test/services/minio.ts';
import { quantile, rounded } from './run/statistics.ts';

const components = { clock: systemClock, random: systemRandom };
const bucketCount = 256;
const rowsPerBucket = 100;
/** Of an event; what is not committed by then comes again. */
const eventMs = 600_000;
const identifier = { database: 'bench', name: 't' };
const tableName = `${identifier.database}.${identifier.name}`;

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    shards: { type: 'string', default: '256' },
    workers: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '4' },
    'inline-rounds': { type: 'string', default: '1' },
  },
});
const shardCount = Number(values.shards);
const workerCount = Number(values.workers);

type Batch = { readonly shardId: string; readonly envelopes: readonly LogRecordEnvelope[] };

/** Rows into the log, a round at a time, and what then lies in its shards as events of an event source. */
class Source {
  readonly #log: LogStore;
  readonly #store: ObjectStore;
  readonly #places = new Map<string, LogStart>();
  rowCount = 0;

  constructor(log: LogStore, store: ObjectStore) {
    this.#log = log;
    this.#store = store;
  }

  async createTable(): Promise<void> {
    await using lake = await openLake({ warehouse: this.#store.uri }, { store: this.#store, log: this.#log });
    const columns = { id: t.bigint(), note: t.string() };
    await lake.createTable(tableName, { columns, primaryKey: ['id'], options: { bucket: bucketCount } });
    for (const { shardId } of (await this.#log.describe()).shards) this.#places.set(shardId, { kind: 'earliest' });
  }

  async fill(): Promise<readonly Batch[]> {
    await using lake = await openLake({ warehouse: this.#store.uri }, { store: this.#store, log: this.#log });
    const table = await lake.table(tableName);
    await using writer = table.writer();
    const ids = Array.from({ length: bucketCount * rowsPerBucket }, (_, index) => this.rowCount + index);
    await Promise.all(ids.map(id => writer.upsert({ id: BigInt(id), note: `note ${id}` })));
    await writer.flush();
    this.rowCount += ids.length;
    const batches: Batch[] = [];
    for (const [shardId, from] of this.#places) {
      const { records, next } = await this.#log.read(shardId, from);
      this.#places.set(shardId, next);
      if (records.length > 0) batches.push({ shardId, envelopes: records });
    }
    return batches;
  }
}

/** Takes the messages of the commit log until it is told to end. @returns batches that it applied */
async function commitMessages(store: ObjectStore, log: LogStore, end: { isOver: boolean }): Promise<number> {
  await using applier = openCommitApplier({ ...components, store });
  const shardId = present((await log.describe()).shards[0], 'a shard').shardId;
  let from: LogStart = { kind: 'earliest' };
  let applied = 0;
  while (!end.isOver) {
    const { records, next } = await log.read(shardId, from);
    from = next;
    if (records.length === 0) {
      await waitForMore(log, shardId, from, { clock: systemClock, waitMsMax: 200 });
      continue;
    }
    const { heldAt } = await applyCommitEvent(applier, { shardId, envelopes: records });
    if (heldAt !== undefined) throw new Error('a message could not be applied');
    applied += 1;
  }
  return applied;
}

/** @returns how long it took, ms */
async function take(ingest: EventIngest, batch: Batch): Promise<number> {
  const beganMs = performance.now();
  const { heldAt } = await ingestEvent(ingest, { ...batch, deadlineMs: systemClock.monotonicMs() + eventMs });
  if (heldAt !== undefined) throw new Error(`${batch.shardId}: held at ${heldAt}`);
  return performance.now() - beganMs;
}

async function measure(by: 'swap' | 'message', open: (name: string) => Promise<ObjectStore>, rounds: number) {
  await using inner = await open(by);
  const store = countingObjectStore(inner);
  await using log = new MemoryLogStore({ name: by, shardCount }, components);
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-group-commit-'));
  try {
    await using commitLog = await openLocalLog({ path: folder, shardCount: 1 }, components);
    const source = new Source(log, inner);
    await source.createTable();
    const parts = { ...components, store, log };
    // What a table takes of a shard for the first time goes by a swap, whatever follows.
    const first = await source.fill();
    await using opener = openEventIngest(parts);
    for (const batch of first) await take(opener, batch);
    const before = present(await latestSnapshot(await openTable(inner, identifier, components)), 'a snapshot').id;
    const batches: (readonly Batch[])[] = [];
    for (let round = 0; round < rounds; round += 1) batches.push(await source.fill());
    store.reset();
    const end = { isOver: false };
    const committing = by === 'message' ? commitMessages(store, commitLog, end) : Promise.resolve(0);
    const commitMs: number[] = [];
    const startedMs = performance.now();
    const workers = Array.from({ length: workerCount }, (_, index) => index);
    await mapBounded(workers, workerCount, async worker => {
      await using ingest = openEventIngest(by === 'message' ? { ...parts, commitLog } : parts);
      for (const round of batches) {
        for (const batch of round.filter((_, index) => index % workerCount === worker)) {
          commitMs.push(await take(ingest, batch));
        }
      }
    });
    const seconds = (performance.now() - startedMs) / 1e3;
    end.isOver = true;
    const applied = await committing;
    const { put, putIfAbsent, putIfMatch, list, get, getRange, head } = store.counts();
    const snapshots = (await checkTable(inner, log, batches, source.rowCount)) - before;
    const rowCount = rounds * bucketCount * rowsPerBucket;
    const perBatch = (count: number): number => rounded(count / commitMs.length);
    return {
      ...{ bench: 'group-commit', by, shards: shardCount, workers: workerCount, buckets: bucketCount, rows: rowCount },
      ...{ batches: commitMs.length, snapshots, batchesOfMessages: applied, seconds: rounded(seconds) },
      batchesPerS: rounded(commitMs.length / seconds),
      rowsPerS: rounded(rowCount / seconds),
      ...{ p50Ms: rounded(quantile(commitMs, 0.5)), p99Ms: rounded(quantile(commitMs, 0.99)) },
      putsPerBatch: perBatch(put + putIfAbsent + putIfMatch),
      ...{ listsPerBatch: perBatch(list), getsPerBatch: perBatch(get + getRange), headsPerBatch: perBatch(head) },
      requestsPerThousandRows: rounded(
        (1e3 * (put + putIfAbsent + putIfMatch + list + get + getRange + head)) / rowCount,
      ),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each row once, each shard at its end. @returns snapshots of the table */
async function checkTable(
  store: ObjectStore,
  log: LogStore,
  batches: readonly (readonly Batch[])[],
  rowCount: number,
): Promise<number> {
  const table = await openTable(store, identifier, components);
  const snapshot = present(await latestSnapshot(table), 'a snapshot');
  const state = present(await stateOfHead(table, snapshot), 'a state');
  for (const { shardId, envelopes } of batches.flat()) {
    const position = state.shards.get(shardId)?.position ?? -1n;
    if (position < present(envelopes.at(-1), 'a record').position) throw new Error(`${shardId} is not at its end`);
  }
  if (state.counters.rowsIn !== BigInt(rowCount)) throw new Error(`${state.counters.rowsIn} rows came in`);
  await using lake = await openLake({ warehouse: store.uri }, { store, log });
  const result = await lake.sql<{ count: bigint; ids: bigint }>(
    `SELECT count(*) AS "count", count(DISTINCT id) AS ids FROM ${tableName} /*+ OPTIONS('scan.mode'='latest') */`,
  );
  const [row] = await result.rows();
  if (Number(row?.count) !== rowCount || Number(row?.ids) !== rowCount) throw new Error(`${row?.count} rows are there`);
  return snapshot.id;
}

await using minio = await startMinio();
const { endpoint, region, credentials, bucket } = minio;
const open = async (name: string): Promise<ObjectStore> =>
  await openObjectStore(
    `s3://${bucket}/${name}`,
    { s3: { endpoint, region, credentials, conditionalPutProbe: 'never' } },
    components,
  );
console.log(JSON.stringify(await measure('message', open, Number(values.rounds))));
console.log(JSON.stringify(await measure('swap', open, Number(values['inline-rounds']))));
