import { expect, test } from 'vitest';
import { ManualClock } from '../../test/table-fixture.ts';
import { rowsOf } from '../types/column-reader.ts';
import type { RowType } from '../types/data-type.ts';
import { type BatchingSettings, BatchingWriter } from './batching-writer.ts';
import type { GatheredRows } from './row-gatherer.ts';
import type { RowSink, WriteReceipt } from './row-sinks.ts';

const rowType: RowType = {
  fields: [
    { id: 0, name: 'k', type: { kind: 'int', nullable: false }, description: undefined, defaultValue: undefined },
  ],
};

/** A sink whose writes end when the test says so. */
class HeldSink implements RowSink {
  readonly inFlightMax: number;
  readonly writes: number[][] = [];
  readonly #ends: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #snapshotId = 0;
  isClosed = false;

  constructor(inFlightMax = 1) {
    this.inFlightMax = inFlightMax;
  }

  write = (batches: readonly GatheredRows[]): Promise<readonly WriteReceipt[]> => {
    this.writes.push(batches.flatMap(({ rows }) => rowsOf(rows).map(([k]) => Number(k))));
    const { promise, resolve, reject } = Promise.withResolvers<readonly WriteReceipt[]>();
    this.#snapshotId += 1;
    const receipt = { records: [], snapshotId: this.#snapshotId };
    this.#ends.push({ resolve: () => resolve(batches.map(() => receipt)), reject });
    return promise;
  };

  end(error?: unknown): void {
    const end = this.#ends.shift();
    if (error === undefined) end?.resolve();
    else end?.reject(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
  }
}

/** Nobody waits to the end. */
class HeldClock extends ManualClock {
  override sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }
}

function open(sink: RowSink, settings: Partial<BatchingSettings> = {}, clock = new ManualClock()): BatchingWriter {
  return new BatchingWriter(
    { label: 'db.t', rowType, sink, clock },
    {
      lingerMs: 2,
      batchRowsMax: 100,
      batchBytesMax: 1_000_000,
      bufferRowsMax: 1_000,
      bufferBytesMax: 1e9,
      ...settings,
    },
  );
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

test('rows that come together share a batch, and rows that come meanwhile share the next', async () => {
  const sink = new HeldSink();
  const writer = open(sink);
  const acknowledged: number[] = [];
  const add = (k: number): void => {
    void writer.add([k], 0).then(() => acknowledged.push(k));
  };
  add(1);
  add(2);
  await settle();
  add(3);
  add(4);
  await settle();
  expect(sink.writes).toEqual([[1, 2]]);
  expect(acknowledged).toEqual([]);
  sink.end();
  await settle();
  expect(acknowledged).toEqual([1, 2]);
  expect(sink.writes).toEqual([
    [1, 2],
    [3, 4],
  ]);
  sink.end();
  await writer.flush();
  expect(acknowledged).toEqual([1, 2, 3, 4]);
  await writer[Symbol.asyncDispose]();
  expect(sink.isClosed).toBe(true);
});

test('closing waits for everything, and a closed writer takes nothing', async () => {
  const sink = new HeldSink();
  const writer = open(sink);
  void writer.add([1], 0);
  const closing = writer[Symbol.asyncDispose]();
  await settle();
  expect(sink.isClosed).toBe(false);
  sink.end();
  await closing;
  expect(sink.isClosed).toBe(true);
  await expect(writer.add([2], 0)).rejects.toMatchObject({ code: 'LAKE_CLOSED' });
  await writer[Symbol.asyncDispose]();
});

test('a writer that is ahead of its sink has no room, and in the end refuses', async () => {
  const sink = new HeldSink();
  const writer = open(sink, { batchRowsMax: 10, bufferRowsMax: 10 });
  for (let k = 0; k < 100; k += 1) void writer.add([k], 0);
  await expect(writer.add([100], 0)).rejects.toMatchObject({ code: 'LAKE_WRITER_FULL' });
  let hasRoom = false;
  const room = writer.room().then(() => {
    hasRoom = true;
  });
  await settle();
  expect(hasRoom).toBe(false);
  while (!hasRoom) {
    sink.end();
    await settle();
  }
  await room;
  expect(sink.writes.flat()).toEqual(Array.from({ length: 100 }, (_, k) => k));
});

test('waiting ends with its signal, the rows are written all the same', async () => {
  const sink = new HeldSink();
  const writer = open(sink);
  const row = writer.add([1], 0);
  const stop = new AbortController();
  const flush = writer.flush(stop.signal);
  stop.abort(new Error('enough'));
  await expect(flush).rejects.toThrow('enough');
  await settle();
  sink.end();
  await row;
});

test('a failure stops the writer and reaches every row that was not acknowledged', async () => {
  const sink = new HeldSink();
  const writer = open(sink);
  const first = writer.add([1], 0);
  await settle();
  const second = writer.add([2], 0);
  sink.end(new Error('disk full'));
  await expect(first).rejects.toThrow('disk full');
  await expect(second).rejects.toThrow('disk full');
  await expect(writer.add([3], 0)).rejects.toThrow('disk full');
  await expect(writer.flush()).rejects.toThrow('disk full');
  await writer[Symbol.asyncDispose]();
  expect(sink.isClosed).toBe(true);
});

test('a failure that nobody has heard of comes out when the writer is closed', async () => {
  const sink = new HeldSink();
  const writer = open(sink);
  void writer.add([1], 0);
  await settle();
  sink.end(new Error('disk full'));
  await settle();
  await expect(writer[Symbol.asyncDispose]()).rejects.toThrow('disk full');
  expect(sink.isClosed).toBe(true);
});

test('a batch is full by bytes, too, and a full one waits no longer', async () => {
  const sink = new HeldSink();
  const clock = new HeldClock();
  const writer = open(sink, { batchBytesMax: 80, lingerMs: 60_000 }, clock);
  // A number counts for 8 bytes.
  const given = Array.from({ length: 9 }, (_, k) => writer.add([k], 0));
  await settle();
  expect(sink.writes).toEqual([]);
  expect(writer.pending).toEqual({ rows: 9, bytes: 72 });
  given.push(writer.add([9], 0));
  await settle();
  expect(sink.writes).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  sink.end();
  expect(await Promise.all(given)).toEqual(Array(10).fill({ records: [], snapshotId: 1 }));
  expect(writer.pending).toEqual({ rows: 0, bytes: 0 });
});

test('a flush does not wait for company', async () => {
  const sink = new HeldSink();
  const writer = open(sink, { lingerMs: 60_000 }, new HeldClock());
  const row = writer.add([1], 0);
  await settle();
  const flush = writer.flush();
  await settle();
  sink.end();
  await flush;
  expect(await row).toEqual({ records: [], snapshotId: 1 });
});

test('there is no room when bytes wait, however few the rows are', async () => {
  const sink = new HeldSink();
  const writer = open(sink, { bufferBytesMax: 16, lingerMs: 0 });
  const given = [writer.add([0], 0), writer.add([1], 0)];
  let hasRoom = false;
  const room = writer.room().then(() => {
    hasRoom = true;
  });
  await settle();
  expect(hasRoom).toBe(false);
  sink.end();
  await Promise.all([...given, room]);
  for (let k = 0; k < 20; k += 1) void writer.add([k], 0);
  await expect(writer.add([20], 0)).rejects.toMatchObject({ code: 'LAKE_WRITER_FULL' });
});

test('a row that comes just when the writer has nothing left to do is written, too', async () => {
  for (let steps = 0; steps < 8; steps += 1) {
    const sink = new HeldSink(2);
    const writer = open(sink, { lingerMs: 0 });
    void writer.add([1], 0);
    for (let step = 0; step < steps; step += 1) await Promise.resolve();
    void writer.add([2], 0);
    await settle();
    expect([steps, sink.writes.flat()]).toEqual([steps, [1, 2]]);
  }
});
