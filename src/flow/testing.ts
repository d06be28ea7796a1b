/** A small lake on the memory drivers, for the tests of this room. */
import { type Clock, systemClock } from '../base/clock.ts';
import { type Random, seededRandom } from '../base/random.ts';
import { parseIdentifier } from '../catalog/identifier.ts';
import type { TableDefinition } from '../catalog/table-definition.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openTable, type Table } from '../table/table.ts';
import { buildBatch } from '../types/column-builder.ts';
import { rowsOf } from '../types/column-reader.ts';
import { lengthMax } from '../types/data-type.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { Producer, type ProducerParts } from './producer.ts';

export const testIdentifier: ReturnType<typeof parseIdentifier> = parseIdentifier('db.t');

export const testDefinition: TableDefinition = {
  columns: [
    { name: 'k', type: { kind: 'bigint', nullable: false } },
    { name: 'v', type: { kind: 'varchar', length: lengthMax, nullable: true } },
    { name: 'n', type: { kind: 'int', nullable: false } },
  ],
  primaryKeys: ['k'],
  partitionKeys: [],
  options: { bucket: '3' },
};

export type TestWorld = {
  readonly random: Random;
  readonly clock: Clock;
  readonly store: MemoryObjectStore;
  readonly log: MemoryLogStore;
};

export function testWorld(seed = 7, clock: Clock = systemClock): TestWorld {
  const random = seededRandom(seed);
  const store = new MemoryObjectStore('memory:test', clock);
  return { random, clock, store, log: new MemoryLogStore({ name: 'test' }, { clock, random }) };
}

export function testProducer(parts: ProducerParts, schema: TableSchema, tableName = 'db.t'): Producer {
  const tableId = schema.extra['tidelake.table'] ?? '';
  return new Producer(parts, { tableId, tableName, schema }, { recordRowsMax: 50 });
}

export async function append(producer: Producer, schema: TableSchema, rows: Scalar[][], kind = 0): Promise<void> {
  await producer.append(buildBatch({ fields: schema.fields }, rows), new Int8Array(rows.length).fill(kind));
}

export function openTestTable(
  world: Pick<TestWorld, 'clock' | 'random'> & { readonly store: ObjectStore },
): Promise<Table> {
  return openTable(world.store, { database: 'db', name: 't' }, world);
}

/** All rows, by their first column. */
export async function collect(batches: AsyncIterable<RowBatch>): Promise<Scalar[][]> {
  const rows: Scalar[][] = [];
  for await (const batch of batches) rows.push(...rowsOf(batch));
  return rows.toSorted((a, b) => Number(a[0]) - Number(b[0]));
}
