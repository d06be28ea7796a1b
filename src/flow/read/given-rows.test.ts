/** Readers of tables without keys whose place lies within a commit that retention has passed. */
import { expect, test } from 'vitest';
import { fixedRequest, fixtureTable, ManualClock } from '../../../test/table-fixture.ts';
import { present } from '../../base/assert.ts';
import { seededRandom } from '../../base/random.ts';
import { createTable } from '../../catalog/catalog.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Scalar } from '../../types/scalar.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { decodeRowOrigins, encodeRowOrigins, type RowOrigins } from '../ingest/row-origins.ts';
import { append, openTestTable, type TestWorld, testDefinition, testIdentifier, testProducer } from '../testing.ts';
import { type ConsumeRequest, consume } from './consume.ts';
import { freshRows } from './given-rows.ts';

const retentionMs = 24 * 3_600_000;
const snapshotKey = 'db.db/t/snapshot/snapshot-1';

type Shape = {
  readonly options?: Readonly<Record<string, string>>;
  readonly rows?: number;
  readonly partitionKeys?: readonly string[];
};
const rowsDefault = 6;
const callCount = 3;

type CutOff = {
  readonly w: TestWorld;
  readonly read: (request?: Partial<ConsumeRequest>) => Promise<readonly (readonly Scalar[])[]>;
};

/** A reader has the first rows, of several calls; one snapshot has them and as many more, and the log has what came after. */
async function cutOff({ options, rows = rowsDefault, partitionKeys = [] }: Shape = {}): Promise<CutOff> {
  const [clock, random] = [new ManualClock(), seededRandom(1)];
  const store = new MemoryObjectStore('memory:given', clock);
  const log = new MemoryLogStore({ name: 'given', shardCount: 2, retentionMs }, { clock, random });
  const w = { clock, random, store, log };
  const definition = { ...testDefinition, primaryKeys: [], partitionKeys, options: { bucket: '-1', ...options } };
  const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  let count = 0;
  const write = async (): Promise<void> => {
    for (let call = 0; call < callCount; call += 1) {
      const some = Array.from({ length: rows / callCount }, () => {
        count += 1;
        return [BigInt(count), `v${count % 3}`, count];
      });
      await append(producer, schema, some);
    }
  };
  const read: CutOff['read'] = async request => {
    const found: (readonly Scalar[])[] = [];
    const asked = { from: { kind: 'full' }, until: { kind: 'now' }, consumerId: 'c', ...request } as const;
    for await (const batch of consume(w, await openTestTable(w), asked, new AbortController().signal))
      found.push(...rowsOf(batch.rows));
    return found;
  };
  await write();
  expect(await read()).toHaveLength(rows);
  await write();
  await ingest.drain();
  clock.advance(2 * retentionMs);
  await write();
  return { w, read };
}

/** Column `n`, in order. */
function numbers(rows: readonly (readonly Scalar[])[], at = 2): readonly number[] {
  return rows.map(row => Number(row[at])).toSorted((a, b) => a - b);
}

function from(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

async function changeSnapshot(
  { store }: TestWorld,
  properties: (of: Snapshot) => Snapshot['properties'],
): Promise<void> {
  const { bytes } = present(await store.get(snapshotKey, { bytesMax: 1e6 }), 'a snapshot');
  const snapshot = decodeSnapshot(bytes, snapshotKey);
  await store.put(snapshotKey, encodeSnapshot({ ...snapshot, properties: properties(snapshot) }));
}

test.each(
  Object.entries({
    Parquet: {},
    Avro: { options: { 'file.format': 'avro' } },
    'several files': { options: { 'target-file-size': '1 kb' }, rows: 6_000 },
    partitions: { partitionKeys: ['v'] },
  } satisfies Record<string, Shape>),
)('what follows the place is given once: %s', async (_name, shape: Shape) => {
  const { rows = rowsDefault } = shape;
  const { read } = await cutOff(shape);
  expect(numbers(await read())).toEqual(from(rows + 1, 3 * rows));
  expect(await read()).toEqual([]);
});

test('of what follows the place, rows that pass a filter are given, in the columns asked for', async () => {
  const predicate = { kind: 'compare', column: 'k', op: '>=', value: 9n } as const;
  for (const options of [{}, { 'file-index.bloom-filter.columns': 'k' }]) {
    const { read } = await cutOff({ options });
    expect(numbers(await read({ predicate, columns: ['n'] }), 0)).toEqual(from(9, 18));
  }
  const equals = { kind: 'compare', column: 'k', op: '=', value: 5n } as const;
  const { read } = await cutOff({ options: { 'file-index.bloom-filter.columns': 'k' } });
  expect(await read({ predicate: equals })).toEqual([]);
});

test('a reader that asks for columns of the partition alone is given as many rows as follow the place', async () => {
  const { read } = await cutOff({ partitionKeys: ['v'] });
  expect((await read({ columns: ['v'] })).toSorted()).toEqual(['v0', 'v1', 'v2'].flatMap(v => Array(4).fill([v])));
});

test('a place behind all rows of a commit, whose position is farther, wants none of them', async () => {
  const { w, read } = await cutOff();
  await changeSnapshot(w, ({ properties }) => {
    const first = [...originsIn(properties)].map(
      ([name, runs]) => [name, runs.map(run => ({ ...run, position: 0n }))] as const,
    );
    return { ...properties, 'tidelake.origins': text(new Map(first)) };
  });
  expect(numbers(await read())).toEqual(from(13, 18));
});

test('a commit without rows, such as one of dead letters, wants none and need not say so', async () => {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:given', clock);
  const table = await fixtureTable(store, { clock, random: seededRandom(1) });
  await new Committer(table).commit(fixedRequest(table, {}));
  expect(await freshRows(table, present(await latestSnapshot(table), 'a snapshot'), new Map())).toEqual({
    kind: 'none',
  });
});

test('a commit that expires while it is asked is no broken table', async () => {
  const { w } = await cutOff();
  const table = await openTestTable(w);
  const snapshot = present(await latestSnapshot(table), 'a snapshot');
  await w.store.delete(snapshotKey);
  const pages = await Array.fromAsync(w.store.list('db.db/t/manifest/'));
  for (const { key } of pages.flatMap(({ objects }) => objects)) await w.store.delete(key);
  const fresh = freshRows(await openTestTable(w), snapshot, new Map());
  await expect(fresh).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});

test('a commit that does not say where each of its rows comes from ends the way, as before it did', async () => {
  const gap = expect.objectContaining({
    code: 'LAKE_LOG_GAP',
    message: expect.stringContaining('neither has keys nor says which rows these are: begin again, from full'),
  });
  const { w, read } = await cutOff();
  const whole = (await w.store.get(snapshotKey, { bytesMax: 1e6 }))?.bytes ?? new Uint8Array();
  const changes: readonly ((of: Snapshot['properties']) => Snapshot['properties'])[] = [
    ({ 'tidelake.origins': _, ...others }) => others,
    // What an earlier version has carried on from another commit.
    of => ({ ...of, 'tidelake.origins': text(new Map([['another', []]])) }),
    of => ({ ...of, 'tidelake.origins': text(new Map(withLess(of))) }),
  ];
  for (const change of changes) {
    await w.store.put(snapshotKey, whole);
    await changeSnapshot(w, ({ properties }) => change(properties));
    await expect(read()).rejects.toThrow(gap);
  }
  await w.store.put(snapshotKey, whole);
  expect(numbers(await read())).toEqual(from(7, 18));
});

function text(origins: RowOrigins): string {
  return Buffer.from(present(encodeRowOrigins(origins), 'bytes')).toString('base64');
}

function originsIn(properties: Snapshot['properties']): RowOrigins {
  return decodeRowOrigins(Buffer.from(properties['tidelake.origins'] ?? '', 'base64'), 'here');
}

/** The same without the last run of each file. */
function withLess(properties: Snapshot['properties']): RowOrigins {
  return new Map([...originsIn(properties)].map(([name, runs]) => [name, runs.slice(0, -1)]));
}
