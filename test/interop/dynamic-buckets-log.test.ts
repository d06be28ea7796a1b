// Dynamic buckets through a log, and real Paimon beside it: it reads what ingest has placed, gives new keys buckets of its own
// and compacts; ingest, union reads and the log go on from there. Each key is in one bucket, whoever gave it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createTable } from '../../src/catalog/catalog.ts';
import { parseIdentifier } from '../../src/catalog/identifier.ts';
import { IngestWorker } from '../../src/flow/ingest/ingest-worker.ts';
import { unionRead } from '../../src/flow/read/union-read.ts';
import { testProducer } from '../../src/flow/testing.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';
import { MemoryLogStore } from '../../src/storage/memory/memory-log-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { lengthMax } from '../../src/types/data-type.ts';
import { rowKindByte } from '../../src/types/row-kind.ts';
import { keyPlaces } from '../hash-index-fixture.ts';
import { type Paimon, startPaimon } from './paimon.ts';

const parts = { clock: systemClock, random: systemRandom };
const partitions = ['x', 'y'];

let paimon: Paimon;
let warehouse: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-dynamic-log-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  rmSync(warehouse, { recursive: true, force: true });
});

type Row = { readonly p: string; readonly k: number; readonly v: string };

/** Rows of both partitions. */
function rowsFrom(first: number, count: number, v: string): readonly Row[] {
  return partitions.flatMap(p => Array.from({ length: count }, (_, index) => ({ p, k: first + index, v })));
}

class Model {
  readonly #rows = new Map<string, string>();

  put(rows: readonly Row[]): void {
    for (const row of rows) this.#rows.set(`${row.p}/${row.k}`, JSON.stringify({ p: row.p, k: row.k, v: row.v }));
  }

  remove(rows: readonly Row[]): void {
    for (const { p, k } of rows) this.#rows.delete(`${p}/${k}`);
  }

  get lines(): readonly string[] {
    return [...this.#rows.values()].toSorted();
  }
}

async function union(store: ObjectStore, log: MemoryLogStore, table: Table): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const batch of unionRead({ store, log }, table)) {
    const print = canonicalRow(batch);
    for (let row = 0; row < batch.rowCount; row += 1) lines.push(print(row));
  }
  return lines.toSorted();
}

test('Paimon and ingest give keys of the same partitions buckets in turn', { timeout: 120_000 }, async () => {
  await using store = await openLocalObjectStore({ root: warehouse, access: 'read-write' }, parts);
  const log = new MemoryLogStore({ name: 'dynamic', shardCount: 3 }, parts);
  const lake = { ...parts, store, log };
  const text = { kind: 'varchar', length: lengthMax, nullable: false } as const;
  const columns = [
    { name: 'p', type: text },
    { name: 'k', type: { kind: 'int', nullable: false } as const },
    { name: 'v', type: text },
  ];
  const schema = await createTable(
    lake,
    parseIdentifier('d.t'),
    {
      columns,
      primaryKeys: ['p', 'k'],
      partitionKeys: ['p'],
      options: { bucket: '-1', 'dynamic-bucket.target-row-num': '25' },
    },
    { ifNotExists: false },
  );
  const ref = { warehouse, table: 'd.t' };
  const open = (): Promise<Table> => openTable(store, { database: 'd', name: 't' }, parts);
  const producer = testProducer(lake, schema, 'd.t');
  const model = new Model();
  const send = (rows: readonly Row[], kind: '+U' | '-D'): Promise<unknown> => {
    const batch = buildBatch(
      { fields: schema.fields },
      rows.map(({ p, k, v }) => [p, k, v]),
    );
    return producer.append(batch, new Int8Array(rows.length).fill(rowKindByte[kind]));
  };
  await using ingest = new IngestWorker(lake);
  let bucketCount = 0;
  for (let round = 0; round < 4; round += 1) {
    const start = round * 30;
    // Known keys, keys that Paimon brought, and new ones.
    const fresh = rowsFrom(Math.max(0, start - 40), 70, `log-${round}`);
    const gone = rowsFrom(start + 2, 3, '');
    await send(fresh, '+U');
    await send(gone, '-D');
    model.put(fresh);
    model.remove(gone);
    expect(await union(store, log, await open()), `round ${round}, before ingest`).toEqual(model.lines);
    await ingest.drain();
    expect(await paimon.rows(ref), `round ${round}, after ingest`).toEqual(model.lines);
    expect((await keyPlaces(await open())).faults).toEqual([]);
    const added = rowsFrom(start + 20, 30, `paimon-${round}`);
    const deleted = rowsFrom(start + 5, 2, '');
    await paimon.append(
      ref,
      [...added.map(row => `+I ${JSON.stringify(row)}`), ...deleted.map(row => `-D ${JSON.stringify(row)}`)],
      { compaction: round % 2 === 1 },
    );
    model.put(added);
    model.remove(deleted);
    if (round === 2) await paimon.compactFully(ref);
    const places = await keyPlaces(await open());
    expect(places.faults).toEqual([]);
    bucketCount = places.bucketCount;
    expect(await union(store, log, await open()), `round ${round}, after Paimon`).toEqual(model.lines);
  }
  expect(bucketCount).toBeGreaterThan(8);
  expect(await paimon.rows(ref)).toEqual(model.lines);
});
