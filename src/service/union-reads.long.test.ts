/**
 * Random tables and histories: whatever part of a history is in the table and whatever part only in its log, a union read by
 * the SDK, by SQL and by key is what the table holds when all is ingested, and when that is compacted.
 */
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { type Random, seededRandom } from '../base/random.ts';
import { createTable } from '../catalog/catalog.ts';
import { parseIdentifier } from '../catalog/identifier.ts';
import type { TableDefinition } from '../catalog/table-definition.ts';
import { type TestWorld, testProducer } from '../flow/testing.ts';
import type { LogStore } from '../storage/log-store.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { buildBatch } from '../types/column-builder.ts';
import { lengthMax } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { openLake } from './lake.ts';

type Options = Readonly<Record<string, string>>;

/** Engines, each with what it may be told besides. Of each list one goes in, or none where `{}` is in it. */
const engines: readonly (readonly (readonly Options[])[])[] = [
  [
    [{}],
    [
      {},
      { 'sequence.field': 's' },
      { 'sequence.field': 's,a' },
      { 'sequence.field': 's', 'sequence.field.sort-order': 'descending' },
    ],
    [{}, {}, { 'ignore-delete': 'true' }, { 'rowkind.field': 'kind' }, { 'deletion-vectors.enabled': 'true' }],
    [
      {},
      { 'changelog-producer': 'input' },
      { 'changelog-producer': 'lookup' },
      { 'changelog-producer': 'full-compaction' },
    ],
  ],
  [
    [{ 'merge-engine': 'partial-update' }],
    [
      {},
      { 'ignore-delete': 'true' },
      { 'partial-update.remove-record-on-delete': 'true' },
      { 'sequence.field': 's' },
      { 'fields.s.sequence-group': 'a,b' },
      { 'fields.s.sequence-group': 'a,b', 'partial-update.remove-record-on-sequence-group': 's' },
      { 'fields.s.sequence-group': 'a', 'fields.a.aggregate-function': 'sum' },
      { 'fields.b.aggregate-function': 'last_non_null_value' },
    ],
  ],
  [
    [{ 'merge-engine': 'aggregation' }],
    [{}, { 'aggregation.remove-record-on-delete': 'true' }, { 'ignore-delete': 'true' }],
    [{}, { 'sequence.field': 's' }],
    ...['sum', 'max', 'min', 'last_value', 'first_value', 'product'].map(name => [
      {},
      { 'fields.a.aggregate-function': name },
    ]),
    ...['listagg', 'max', 'last_non_null_value', 'first_non_null_value'].map(name => [
      {},
      { 'fields.b.aggregate-function': name },
    ]),
  ],
  [[{ 'merge-engine': 'first-row' }], [{ 'ignore-delete': 'true' }]],
];

function randomDefinition(random: Random): TableDefinition {
  const of = <T>(all: readonly T[]): T => all[Math.floor(random.next() * all.length)] as T;
  const partitioned = random.next() < 0.35;
  const options = Object.assign({}, ...of(engines).map(of)) as Record<string, string>;
  // Paimon refuses the two together.
  if (options['deletion-vectors.enabled'] !== undefined && options['changelog-producer'] === 'full-compaction')
    delete options['changelog-producer'];
  const isDynamic = random.next() < 0.25 && options['deletion-vectors.enabled'] === undefined;
  const bucket = isDynamic ? { bucket: '-1', 'dynamic-bucket.target-row-num': '5' } : { bucket: of(['1', '2', '4']) };
  const text = { kind: 'varchar', length: lengthMax, nullable: true } as const;
  return {
    columns: [
      { name: 'p', type: { kind: 'int', nullable: false } },
      { name: 'k', type: { kind: 'bigint', nullable: false } },
      { name: 'a', type: { kind: 'bigint', nullable: true } },
      { name: 'b', type: text },
      { name: 's', type: { kind: 'int', nullable: true } },
      ...(options['rowkind.field'] === undefined ? [] : [{ name: 'kind', type: { ...text, nullable: false } }]),
    ],
    primaryKeys: ['p', 'k'],
    partitionKeys: partitioned ? ['p'] : [],
    options: { ...options, ...bucket },
  };
}

/** -D where the engine merges it: what it does not is a dead letter, also for the reader. */
const kinds = [0, 0, 0, 0, 2, 2, 3, 1] as const;
const kindTexts = ['+I', '-U', '+U', '-D'];

function randomRows(random: Random, hasKind: boolean): { readonly rows: Scalar[][]; readonly kinds: Int8Array } {
  const below = (n: number): number => Math.floor(random.next() * n);
  const count = 1 + below(12);
  const kindsOf = Int8Array.from({ length: count }, () => kinds[below(kinds.length)] ?? 0);
  const rows = Array.from({ length: count }, (_, i): Scalar[] => [
    below(3),
    BigInt(below(12)),
    random.next() < 0.2 ? null : BigInt(below(7)) - 2n,
    random.next() < 0.2 ? null : `b${below(50)}`,
    random.next() < 0.1 ? null : below(20),
    ...(hasKind ? [kindTexts[kindsOf[i] ?? 0] ?? '+I'] : []),
  ]);
  return { rows, kinds: hasKind ? new Int8Array(count) : kindsOf };
}

const identifier = parseIdentifier('db.t');
/** `UNION_SEEDS=200..399` plays others. */
const [firstSeed = 1, lastSeed = 40] = (process.env['UNION_SEEDS'] ?? '1..40').split('..').map(Number);

async function newLake(seed: number) {
  const parts = { clock: systemClock, random: seededRandom(seed) };
  const store = new MemoryObjectStore('memory:union', systemClock);
  const log = new MemoryLogStore({ name: 'union', shardCount: 3 }, parts);
  const shardsRead: string[] = [];
  const read: LogStore['read'] = (shardId, ...rest) => {
    shardsRead.push(shardId);
    return log.read(shardId, ...rest);
  };
  const watched = new Proxy(log, {
    get(of, name) {
      const value: unknown = name === 'read' ? read : Reflect.get(of, name);
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
  const w: TestWorld = { ...parts, store, log: watched };
  return { w, lake: await openLake({ warehouse: 'memory:union' }, w), shardsRead };
}

const sorted = (rows: readonly object[]): readonly string[] =>
  rows.map(row => JSON.stringify(Object.values(row), texts)).toSorted();
const texts = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);

/** @returns the shards that lookups have asked */
async function playHistory(seed: number): Promise<readonly string[]> {
  const { w, lake, shardsRead } = await newLake(seed);
  await using _lake = lake;
  const definition = randomDefinition(w.random);
  const what = `seed ${seed}: ${JSON.stringify(definition.options)} by ${definition.partitionKeys.join()}`;
  const schema = await createTable(w, identifier, definition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  for (let step = 0; step < 8; step += 1) {
    const chance = w.random.next();
    if (chance < 0.3) await lake.ingest();
    if (chance < 0.1) await (await lake.table('db.t')).compact({ full: w.random.next() < 0.5 });
    const { rows, kinds } = randomRows(w.random, definition.columns.length > 5);
    await producer.append(buildBatch({ fields: schema.fields }, rows), kinds);
  }
  const table = await lake.table('db.t');
  const scan = async () => sorted(await Array.fromAsync(table.scan({ union: true })));
  const bySdk = await scan();
  const bySql = sorted(await (await lake.sql('SELECT * FROM db.t')).rows());
  const byKey: (readonly object[])[] = [];
  const shardsOfLookups: string[] = [];
  for (let p = 0; p < 3; p += 1) {
    for (let k = 0n; k < 12n; k += 1n) {
      shardsRead.length = 0;
      byKey.push([(await table.lookup({ p, k }, { union: true })) ?? []].flat());
      expect(new Set(shardsRead).size, `${what}: shards of a lookup`).toBeLessThanOrEqual(1);
      shardsOfLookups.push(...shardsRead);
    }
  }
  await lake.ingest();
  const ingested = await scan();
  expect(bySdk, `${what}: SDK`).toEqual(ingested);
  expect(bySql, `${what}: SQL`).toEqual(ingested);
  expect(sorted(byKey.flat()), `${what}: lookups`).toEqual(ingested);
  await table.compact({ full: true });
  expect(sorted(await Array.fromAsync(table.scan())), `${what}: compacted`).toEqual(ingested);
  return shardsOfLookups;
}

test('union reads by SDK, SQL and key are what the table holds when all is ingested and compacted', async () => {
  const failed: unknown[] = [];
  const shards = new Set<string>();
  for (let seed = firstSeed; seed <= lastSeed; seed += 1) {
    const asked = await playHistory(seed).catch(error => failed.push(error));
    if (typeof asked !== 'number') for (const shard of asked) shards.add(shard);
  }
  expect(failed).toEqual([]);
  // One for a lookup, and not the same for all.
  expect(shards.size).toBe(3);
});
