/** Places of subscriptions: as text, and on the way back. */
import { expect, test } from 'vitest';
import { createTable } from '../../catalog/catalog.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Scalar } from '../../types/scalar.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import {
  append,
  openTestTable,
  type TestWorld,
  testDefinition,
  testIdentifier,
  testProducer,
  testWorld,
} from '../testing.ts';
import type { SubscribeFrom } from './history-range.ts';
import { decodeResumePoint, encodeResumePoint, movedTo, type ResumePoint } from './resume-point.ts';
import { subscribe } from './subscribe.ts';

const inLog: ResumePoint = {
  tableId: 'table-1',
  snapshotId: 3,
  log: { incarnation: 'log-1', positions: new Map([['a', 2n ** 180n]]), bases: new Map([['b', -1n]]), sinceMs: 17 },
};

test('a place comes back from its text, and other texts are refused', () => {
  const inHistory = { tableId: 'table-1', snapshotId: 0, log: undefined };
  for (const point of [inLog, inHistory]) expect(decodeResumePoint(encodeResumePoint(point) ?? '')).toEqual(point);
  const text = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  const bad = [
    '',
    'abc',
    text({ v: 1, t: 'x', s: -1 }),
    text({ v: 1, t: '', s: 1 }),
    text({ v: 2, t: 'x', s: 1 }),
    text({ v: 1, t: 'x', s: 1, i: 'l' }),
    text({ v: 1, t: 'x', s: 1, i: 'l', p: { a: 1 }, b: {} }),
    `${encodeResumePoint(inLog)}!`,
    'A'.repeat(10_000),
  ];
  for (const given of bad) {
    expect(() => decodeResumePoint(given), given).toThrowError(expect.objectContaining({ code: 'LAKE_BAD_RESUME' }));
  }
});

test('a place never goes back while what was given before it is looked at', () => {
  const moved = movedTo(
    inLog,
    new Map([
      ['a', 4n],
      ['b', 2n],
    ]),
  );
  expect(moved.log?.positions).toEqual(
    new Map([
      ['a', 2n ** 180n],
      ['b', 2n],
    ]),
  );
});

test('a place in a log of more shards than a header holds has no text', () => {
  const shards = Array.from({ length: 100 }, (_, n) => [`shardId-${String(n).padStart(12, '0')}`, 2n ** 180n] as const);
  expect(encodeResumePoint(movedTo(inLog, new Map(shards.slice(0, 30))))).toMatch(/^[\w-]+$/);
  expect(encodeResumePoint(movedTo(inLog, new Map(shards)))).toBeUndefined();
});

type Seen = { readonly keys: readonly bigint[]; readonly point: ResumePoint };

/** Reads until it has so many rows and a place behind them. */
async function read(w: TestWorld, from: SubscribeFrom, count: number): Promise<Seen> {
  const stop = new AbortController();
  const keys: bigint[] = [];
  let point: ResumePoint | undefined;
  for await (const { rows, resume } of subscribe(w, await openTestTable(w), { from }, stop.signal)) {
    keys.push(...rowsOf(rows).map(([k]) => BigInt(String(k))));
    point = resume ?? point;
    if (keys.length >= count && resume !== undefined) stop.abort();
  }
  if (point === undefined) throw new Error('no place was told');
  return { keys: keys.toSorted((a, b) => Number(a - b)), point };
}

const rowsFrom = (from: number, to: number): Scalar[][] =>
  Array.from({ length: to - from }, (_, index) => [BigInt(from + index), 'x', 1]);
const keysFrom = (from: number, to: number): readonly bigint[] => rowsFrom(from, to).map(([k]) => BigInt(String(k)));

async function newWorld(): Promise<{
  w: TestWorld;
  write: (from: number, to: number) => Promise<void>;
  ingest: () => Promise<void>;
}> {
  const w = testWorld();
  await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const { schema } = await openTestTable(w);
  const producer = testProducer(w, schema);
  return {
    w,
    write: (from, to) => append(producer, schema, rowsFrom(from, to)),
    async ingest() {
      await using worker = new IngestWorker(w);
      await worker.drain();
    },
  };
}

test('a place holds whatever has become of the rows since: in the log, in one snapshot, in several', async () => {
  const { w, write, ingest } = await newWorld();
  await write(0, 10);
  // The table has no snapshot yet.
  const first = await read(w, { kind: 'full' }, 10);
  expect(first.keys).toEqual(keysFrom(0, 10));
  await write(10, 20);
  const from = { kind: 'resume', point: first.point } as const;
  expect((await read(w, from, 10)).keys).toEqual(keysFrom(10, 20));
  await ingest();
  expect((await read(w, from, 10)).keys).toEqual(keysFrom(10, 20));
  await write(20, 30);
  await ingest();
  const later = await read(w, from, 20);
  expect(later.keys).toEqual(keysFrom(10, 30));
  await write(30, 40);
  expect((await read(w, { kind: 'resume', point: later.point }, 10)).keys).toEqual(keysFrom(30, 40));
  const middle = await read(w, { kind: 'latest' }, 0);
  await write(40, 45);
  await ingest();
  await write(45, 50);
  expect((await read(w, { kind: 'resume', point: middle.point }, 10)).keys).toEqual(keysFrom(40, 50));
});

test('a place whose snapshots have expired is refused, and so is one of a table or a log that was made again', async () => {
  const { w, write, ingest } = await newWorld();
  await write(0, 10);
  await ingest();
  const { point } = await read(w, { kind: 'full' }, 10);
  await write(10, 20);
  await ingest();
  const refused = (changed: ResumePoint): Promise<unknown> =>
    read(w, { kind: 'resume', point: changed }, 1).then(
      () => 'taken',
      error => error.code,
    );
  expect(await refused({ ...point, tableId: 'another' })).toBe('LAKE_RESUME_EXPIRED');
  const log = point.log ?? { incarnation: '', positions: new Map(), bases: new Map() };
  expect(await refused({ ...point, log: { ...log, incarnation: 'another' } })).toBe('LAKE_RESUME_EXPIRED');
  // As if only the second snapshot were left.
  await w.store.delete('db.db/t/snapshot/snapshot-1');
  expect(await refused(point)).toBe('LAKE_RESUME_EXPIRED');
});
