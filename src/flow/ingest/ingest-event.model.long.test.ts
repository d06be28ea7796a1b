/**
 * Ingest by events against a plain model: shards split and merge, batches come twice, late, out of order and at once,
 * stores lose answers, commits are made by ingest itself and by the commit function. A seed that fails is printed.
 */
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { seededRandom } from '../../base/random.ts';
import { createTable } from '../../catalog/catalog.ts';
import { faultyObjectStore, randomFaults } from '../../storage/faulty-object-store.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import type { Scalar } from '../../types/scalar.ts';
import {
  CommitLoop,
  contentOf,
  EventSource,
  eventWorld,
  handOver,
  hurried,
  keepingDefinition,
} from '../event-testing.ts';
import type { Producer } from '../producer.ts';
import { append, type TestWorld, testDefinition, testIdentifier, testProducer } from '../testing.ts';
import { type EventIngest, openEventIngest } from './ingest-event.ts';

const stepCount = 60;

type Model = { readonly rows: Scalar[][]; readonly byKey: Map<bigint, Scalar[]> };
type Delivered = { readonly shardId: string; readonly envelopes: readonly LogRecordEnvelope[] };

async function splitOrMerge(w: TestWorld): Promise<void> {
  const open = (await w.log.describe()).shards.filter(shard => !shard.closed);
  const index = Math.floor(w.random.next() * open.length);
  const [one, neighbour] = open.toSorted((a, b) => (a.hashKeyStart < b.hashKeyStart ? -1 : 1)).slice(index);
  if (open.length > 3 && one !== undefined && neighbour !== undefined) w.log.merge(one.shardId, neighbour.shardId);
  else w.log.split(present(one, 'an open shard').shardId);
}

/** A record that the log has comes into it once more: its lane's last one, as a retried append does. */
async function doubleLast(w: TestWorld): Promise<void> {
  const open = (await w.log.describe()).shards.filter(shard => !shard.closed);
  const shard = present(open[Math.floor(w.random.next() * open.length)], 'an open shard');
  const last = (await w.log.read(shard.shardId, { kind: 'earliest' })).records.at(-1);
  if (last !== undefined) await w.log.append([{ hashKey: shard.hashKeyStart, data: last.data }]);
}

async function produce(w: TestWorld, producer: Producer, schema: Parameters<typeof append>[1], model: Model) {
  const rows = Array.from({ length: 1 + Math.floor(w.random.next() * 30) }, (_, index): Scalar[] => {
    const n = model.rows.length + index;
    return [schema.primaryKeys.length === 0 ? BigInt(n) : BigInt(Math.floor(w.random.next() * 100)), `v${n}`, n];
  });
  await append(producer, schema, rows);
  model.rows.push(...rows);
  for (const row of rows) model.byKey.set(row[0] as bigint, row);
}

async function deliver(w: TestWorld, source: EventSource, ingests: readonly EventIngest[], past: Delivered[]) {
  const some = (): EventIngest => present(ingests[Math.floor(w.random.next() * ingests.length)], 'an ingest');
  const ready = await source.readyShards();
  const shards = ready.filter(() => w.random.next() < 0.7);
  await Promise.all(
    shards.map(async shardId => {
      const envelopes = await source.batch(shardId, 1 + Math.floor(w.random.next() * 40));
      past.push({ shardId, envelopes });
      const calls = w.random.next() < 0.3 ? [some(), some()] : [some()];
      const results = await Promise.all(calls.map(ingest => handOver(ingest, shardId, envelopes)));
      for (const result of results) if (w.random.next() < 0.8) source.acknowledge(shardId, envelopes, result);
    }),
  );
  const old = past[Math.floor(w.random.next() * past.length)];
  if (old !== undefined && w.random.next() < 0.3) await handOver(some(), old.shardId, old.envelopes);
}

async function run(seed: number, kind: 'append' | 'keyed', commits: 'direct' | 'grouped' | 'mixed'): Promise<void> {
  const w = hurried(eventWorld({ shardCount: 2, seed }));
  const definition = kind === 'append' ? keepingDefinition : { ...testDefinition, options: { bucket: '8' } };
  const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
  const plan = randomFaults(seededRandom(seed), { refused: 0.01, answerLost: 0.01, slow: 0.05, delayMsMax: 300 });
  const parts = { ...w, store: faultyObjectStore(w.store, plan, w) };
  const commitLog = new MemoryLogStore({ name: 'commits', shardCount: 1 }, w);
  await using _loop = new CommitLoop(parts, commitLog, { mistakes: true });
  const direct = [openEventIngest(parts), openEventIngest(parts)];
  const grouped = [openEventIngest({ ...parts, commitLog }), openEventIngest({ ...parts, commitLog })];
  const ingests = { direct, grouped, mixed: [...direct, ...grouped] }[commits];
  const source = new EventSource(w.log);
  const producers = [testProducer(w, schema), testProducer(w, schema)];
  const model: Model = { rows: [], byKey: new Map() };
  const past: Delivered[] = [];
  for (let step = 0; step < stepCount; step += 1) {
    const place = w.random.next();
    if (place < 0.06) await splitOrMerge(w);
    else if (place < 0.12) await doubleLast(w);
    else if (place < 0.5) await produce(w, present(producers[step % 2], 'a producer'), schema, model);
    else await deliver(w, source, ingests, past);
  }
  for (const ingest of ingests) await source.drain(ingest);
  const { rows, unaccounted, state } = await contentOf(w);
  const expected = kind === 'append' ? model.rows : [...model.byKey.values()];
  const label = `seed ${seed}, ${kind}, ${commits}`;
  expect(rows, label).toEqual(expected.toSorted((a, b) => Number(a[0]) - Number(b[0])));
  expect(unaccounted, label).toBe(0n);
  expect(state?.counters.gaps, label).toBe(0n);
  const { duplicates = 0n, rowsIn = 0n } = state?.counters ?? {};
  expect(rowsIn - duplicates, label).toBe(BigInt(model.rows.length));
}

test.each([1, 2, 3, 4])('commits of its own, any mistakes of the invoker: each row once (seed %i)', async seed => {
  await run(seed, seed % 2 === 0 ? 'keyed' : 'append', 'direct');
});

test.each([5, 6, 7, 8])('commits by messages, any mistakes of both invokers: each row once (seed %i)', async seed => {
  await run(seed, seed % 2 === 0 ? 'keyed' : 'append', 'grouped');
});

test.each([9, 10, 11, 12])('commits of both kinds at once: each row once (seed %i)', async seed => {
  await run(seed, seed % 2 === 0 ? 'keyed' : 'append', 'mixed');
});
