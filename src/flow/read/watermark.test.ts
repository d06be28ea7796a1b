/** Watermarks of random histories beside a model that looks at every row of the log anew each time. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/table-fixture.ts';
import { present } from '../../base/assert.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import { createTable } from '../../catalog/catalog.ts';
import type { TableDefinition } from '../../catalog/table-definition.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { LogShard } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { latestSnapshot, readSnapshot } from '../../table/snapshots.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { nanosPerMilli } from '../../types/time.ts';
import { bucketHashKey } from '../hash-key.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import { routeRecords } from '../ingest/route-records.ts';
import type { IngestState } from '../ingest/state.ts';
import { rowsOfRecords } from '../ingest/tail.ts';
import { append, openTestTable, type TestWorld, testIdentifier, testProducer } from '../testing.ts';
import type { SubscribeFrom } from './history-range.ts';
import { subscribe } from './subscribe.ts';
import type { SubscribedBatch } from './subscribed-batch.ts';

const delayMs = 500;
const idleTimeoutMs = 60_000;
const bucketCount = 3;
const startMs = 1_000_000_000_000;
const never = Number.NEGATIVE_INFINITY;

function definition(isIdleAllowed: boolean): TableDefinition {
  return {
    columns: [
      { name: 'k', type: { kind: 'bigint', nullable: false } },
      { name: 'ts', type: { kind: 'timestamp', precision: 3, nullable: true } },
    ],
    primaryKeys: ['k'],
    partitionKeys: [],
    options: {
      bucket: String(bucketCount),
      'schema.watermark.0.rowtime': 'ts',
      'schema.watermark.0.strategy.expr': "`ts` - INTERVAL '0.5' SECOND",
      ...(isIdleAllowed ? { 'scan.watermark.idle-timeout': `${idleTimeoutMs} ms` } : {}),
    },
  };
}

type Seen = { readonly position: bigint; readonly arrivalMs: number; readonly times: readonly number[] };

/** Everything of the table that is in the log, by shard. */
async function allRows(w: TestWorld, schema: TableSchema): Promise<ReadonlyMap<string, readonly Seen[]>> {
  const table = await openTestTable(w);
  const byShard = new Map<string, Seen[]>();
  for (const { shardId } of (await w.log.describe()).shards) {
    const { records } = await w.log.read(shardId, { kind: 'earliest' });
    const routed = routeRecords(shardId, records).byTable.get(table.id ?? '') ?? [];
    const seen = routed.map(async record => {
      const { batches } = await rowsOfRecords({
        ...{ table, schema, store: w.store, producers: new Map() },
        records: [record],
      });
      const times = batches.flatMap(({ rows }) => timesOf(rows)).filter(ms => !Number.isNaN(ms));
      return { position: record.position, arrivalMs: record.arrivalMs, times };
    });
    byShard.set(shardId, await Promise.all(seen));
  }
  return byShard;
}

function timesOf(rows: SubscribedBatch['rows']): readonly number[] {
  return rowsOf(rows).map(([, ts]) => (typeof ts === 'bigint' ? Number(ts / nanosPerMilli) : Number.NaN));
}

/** Shards that a row of the table may still go to, as of what is read to its end. */
async function openLeaves(w: TestWorld, schema: TableSchema, isEnded: (id: string) => boolean): Promise<string[]> {
  const { shards } = await w.log.describe();
  const tableId = schema.extra['tidelake.table'] ?? '';
  const keys = Array.from({ length: bucketCount }, (_, bucket) => bucketHashKey(tableId, bucket));
  const owning = shards.filter(shard => keys.some(key => shard.hashKeyStart <= key && key <= shard.hashKeyEnd));
  return owning
    .filter(({ shardId, parentIds }) => !isEnded(shardId) && parentIds.every(isEnded))
    .map(({ shardId }) => shardId);
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined);
  return values.length === 0 || known.length < values.length ? undefined : Math.min(...known) - delayMs;
}

function watermarkOf(
  shards: readonly { readonly ms: number | undefined; readonly isIdle: boolean }[],
): number | undefined {
  const active = shards.filter(({ isIdle }) => !isIdle).map(({ ms }) => ms);
  if (active.length > 0) return least(active);
  const known = shards.flatMap(({ ms }) => ms ?? []);
  return known.length === 0 ? undefined : Math.max(...known) - delayMs;
}

function rowsBefore(
  id: string,
  rows: ReadonlyMap<string, readonly Seen[]>,
  shards: readonly LogShard[],
): readonly Seen[] {
  const { parentIds } = present(
    shards.find(({ shardId }) => shardId === id),
    'the shard',
  );
  return parentIds.flatMap(parent => [...(rows.get(parent) ?? []), ...rowsBefore(parent, rows, shards)]);
}

function latest(seen: readonly Seen[]): number | undefined {
  const times = seen.flatMap(({ times: of }) => of);
  return times.length === 0 ? undefined : Math.max(...times);
}

/**
 * Between a shard's end and the first rows of its children either may speak for them: the children, of which nothing is known, or
 * while they are not listed what was before them.
 */
class Model {
  readonly #firstSeenMs = new Map<string, number>();
  leastMs: number | undefined;
  mostMs: number | undefined;

  /** Takes the next snapshot into account. */
  async take(w: TestWorld, schema: TableSchema, state: IngestState, isIdleAllowed: boolean): Promise<void> {
    const rows = await allRows(w, schema);
    const { shards } = await w.log.describe();
    const newestMs = Math.max(0, ...[...state.shards.values()].map(({ arrivalMs }) => arrivalMs));
    // Parents are read to their ends before their children.
    const isEnded = (id: string): boolean =>
      state.shards.get(id)?.ended === true ||
      shards.some(({ shardId, parentIds }) => parentIds.includes(id) && state.shards.has(shardId));
    const open = await openLeaves(w, schema, isEnded);
    const values = open.map(id => {
      const upTo = state.shards.get(id)?.position ?? -1n;
      const taken = (rows.get(id) ?? []).filter(({ position }) => position <= upTo);
      if (!this.#firstSeenMs.has(id)) this.#firstSeenMs.set(id, newestMs);
      const isIdle = (ms: number): boolean => isIdleAllowed && newestMs - ms > idleTimeoutMs;
      const own = { ms: latest(taken), isIdle: isIdle(taken.at(-1)?.arrivalMs ?? this.#firstSeenMs.get(id) ?? 0) };
      const older = rowsBefore(id, rows, shards);
      const olderMs = Math.max(never, ...older.map(({ arrivalMs }) => arrivalMs));
      const isOld = taken.length === 0 && older.length > 0;
      return { own, before: isOld ? { ms: latest(older), isIdle: isIdle(olderMs) } : own };
    });
    const leastMs = watermarkOf(values.map(({ own }) => own));
    const mostMs = watermarkOf(values.map(({ before }) => before));
    if (leastMs !== undefined) this.leastMs = Math.max(this.leastMs ?? leastMs, leastMs);
    if (mostMs !== undefined) this.mostMs = Math.max(this.mostMs ?? mostMs, mostMs);
  }
}

type Told = { readonly watermarkMs: number | undefined; readonly next: SubscribeFrom };

/** Reads until now and checks what each batch says of event time. */
async function readOn(w: TestWorld, { next: from, watermarkMs: before }: Told): Promise<Told> {
  let told: Told = { watermarkMs: before, next: from };
  const request = { from, until: { kind: 'now' } } as const;
  const batches = subscribe(w, await openTestTable(w), request, new AbortController().signal);
  for await (const { rows, late, watermarkMs, resume } of batches) {
    const at = told.watermarkMs ?? never;
    expect([...(late ?? new Uint8Array(rows.rowCount))]).toEqual(timesOf(rows).map(ms => (ms <= at ? 1 : 0)));
    expect(watermarkMs ?? never).toBeGreaterThanOrEqual(at);
    if (resume !== undefined) expect(resume.watermarkMs).toBe(watermarkMs);
    told = { watermarkMs, next: resume === undefined ? told.next : { kind: 'resume', point: resume } };
  }
  return told;
}

async function chainOf(w: TestWorld): Promise<readonly Snapshot[]> {
  const table = await openTestTable(w);
  const head = await latestSnapshot(table);
  const ids = Array.from({ length: head?.id ?? 0 }, (_, index) => index + 1);
  return (await Promise.all(ids.map(id => readSnapshot(table, id)))).filter(snapshot => snapshot !== undefined);
}

const pick = (random: Random, count: number): number => Math.floor(random.next() * count);

async function play(seed: number, { hasSplits, isIdleAllowed }: { hasSplits: boolean; isIdleAllowed: boolean }) {
  const [clock, random] = [new ManualClock(), seededRandom(seed)];
  const store = new MemoryObjectStore('memory:w', clock);
  const w = { clock, random, store, log: new MemoryLogStore({ name: 'w', shardCount: 2 }, { clock, random }) };
  const schema = await createTable(w, testIdentifier, definition(isIdleAllowed), { ifNotExists: false });
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  const model = new Model();
  let [told, checkedId, lateCount]: [Told, number, number] = [
    { watermarkMs: undefined, next: { kind: 'earliest' } },
    0,
    0,
  ];
  for (let step = 0; step < 40; step += 1) {
    clock.advance(pick(random, 4_000));
    const what = pick(random, 11);
    if (what < 5) {
      const rows = Array.from({ length: 1 + pick(random, 4) }, () => {
        const ms = startMs + step * 1_000 - pick(random, 8_000);
        return [BigInt(pick(random, 40)), random.next() < 0.1 ? null : BigInt(ms) * nanosPerMilli];
      });
      await append(producer, schema, rows);
    } else if (what === 5) clock.advance(idleTimeoutMs);
    else if (what === 6 && hasSplits) {
      const open = (await w.log.describe()).shards.filter(({ closed }) => !closed);
      const shard = open[pick(random, open.length)];
      if (open.length < 5 && shard !== undefined) w.log.split(shard.shardId);
    } else if (what === 7 || what === 8) {
      await ingest.drain();
      for (const snapshot of (await chainOf(w)).slice(checkedId)) {
        const state = await stateOfHead(await openTestTable(w), snapshot);
        if (state !== undefined) await model.take(w, schema, state, isIdleAllowed);
        const isSo = expect(Number(snapshot.watermark ?? never), `seed ${seed}, snapshot ${snapshot.id}`);
        isSo.toBeGreaterThanOrEqual(model.leastMs ?? never);
        isSo.toBeLessThanOrEqual(model.mostMs ?? never);
        if (!hasSplits) expect(model.leastMs).toBe(model.mostMs);
        checkedId = snapshot.id;
      }
    } else {
      const before = told.watermarkMs;
      told = await readOn(w, told);
      const rows = await allRows(w, schema);
      const closed = new Set((await w.log.describe()).shards.flatMap(shard => (shard.closed ? [shard.shardId] : [])));
      const ms = least((await openLeaves(w, schema, id => closed.has(id))).map(id => latest(rows.get(id) ?? [])));
      const atLeast = Math.max(before ?? never, ms ?? never);
      const isSo = expect(told.watermarkMs ?? never, `seed ${seed}, step ${step}`);
      // Before a shard has ended its children do not count, and snapshots know of idle shards.
      if (hasSplits || isIdleAllowed) isSo.toBeGreaterThanOrEqual(atLeast);
      else isSo.toBe(atLeast);
    }
  }
  // From snapshots alone, what they say.
  const request = { from: { kind: 'earliest' }, until: { kind: 'now' }, consistency: 'transactional' } as const;
  const said: (number | undefined)[] = [];
  for await (const { watermarkMs, late, resume } of subscribe(
    w,
    await openTestTable(w),
    request,
    new AbortController().signal,
  )) {
    lateCount += late?.filter(one => one === 1).length ?? 0;
    if (resume !== undefined) said.push(watermarkMs);
  }
  const chain = (await chainOf(w)).map(({ watermark }) => (watermark === undefined ? undefined : Number(watermark)));
  expect(said.slice(0, chain.length)).toEqual(chain);
  return { lateCount, hasWatermark: chain.at(-1) !== undefined || told.watermarkMs !== undefined };
}

test.each([
  { hasSplits: false, isIdleAllowed: false },
  { hasSplits: false, isIdleAllowed: true },
  { hasSplits: true, isIdleAllowed: false },
  { hasSplits: true, isIdleAllowed: true },
])('snapshots and readers say what the rows of the log say, also with %o', async kind => {
  const ends = [];
  for (let seed = 1; seed <= 5; seed += 1) ends.push(await play(seed, kind));
  // Histories in which there is something to see.
  expect(ends.filter(({ hasWatermark }) => hasWatermark).length).toBeGreaterThan(2);
  expect(ends.reduce((sum, { lateCount }) => sum + lateCount, 0)).toBeGreaterThan(0);
});
