import { expect, test } from 'vitest';
import { type LakeParts, openLakeParts } from './lake-parts.ts';
import { scanCount } from './read-lines.ts';
import { createTableFromDdl } from './tables.ts';
import { LakeWorker } from './worker.ts';
import type { WorkerEvent } from './worker-events.ts';
import { printWorkerEvent } from './worker-events.ts';
import { writeLines } from './write-lines.ts';

let lakeNumber = 0;

async function openParts(options: { readonly log: boolean }): Promise<LakeParts> {
  lakeNumber += 1;
  const place = `memory:worker-${lakeNumber}`;
  return openLakeParts({
    warehouse: place,
    log: options.log ? place : 'none',
    ingest: { commitIntervalMs: 1 },
    compaction: { intervalMs: 20 },
  });
}

async function* one(k: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`{"op":"+I","row":{"k":${k},"v":"x"}}\n`);
}

const keyed = (options: string): string =>
  `CREATE TABLE t (k BIGINT PRIMARY KEY NOT ENFORCED, v STRING) WITH (${options})`;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 5));
}

test('a worker brings the log into tables and merges their files, and ends when it is disposed of', async () => {
  await using parts = await openParts({ log: true });
  await createTableFromDdl(parts, 'db.t', keyed("'bucket' = '1', 'num-sorted-run.compaction-trigger' = '3'"));
  const events: WorkerEvent[] = [];
  const worker = new LakeWorker(parts, { onEvent: event => events.push(event) });
  for (let k = 0; k < 8; k += 1) {
    await writeLines(parts, 'db.t', { input: one(k), viaLog: true });
    await until(() => events.filter(event => event.kind === 'ingested').length > k);
  }
  await until(() => events.some(event => event.kind === 'compacted'));
  await worker[Symbol.asyncDispose]();
  await worker[Symbol.asyncDispose]();
  expect(events.filter(event => event.kind === 'failed' || event.kind === 'lost')).toEqual([]);
  expect(await scanCount(parts, 'db.t', {})).toBe(8n);
  const ingested = events.filter(event => event.kind === 'ingested');
  expect(ingested.reduce((sum, event) => sum + event.rowCount, 0)).toBe(8);
  expect(events.map(printWorkerEvent).join('\n')).toMatch(/ingested 1 rows into db\.t, snapshot 1/);
});

test('tables that others write are compacted too, but not those with write-only', async () => {
  await using parts = await openParts({ log: false });
  await createTableFromDdl(parts, 'db.t', keyed("'bucket' = '1'"));
  const writeOnly = keyed("'bucket' = '1', 'write-only' = 'true'").replace('TABLE t', 'TABLE w');
  await createTableFromDdl(parts, 'db.w', writeOnly);
  for (let k = 0; k < 6; k += 1)
    for (const name of ['db.t', 'db.w']) await writeLines(parts, name, { input: one(k), viaLog: false });
  const events: WorkerEvent[] = [];
  const stop = new AbortController();
  const worker = new LakeWorker(parts, { onEvent: event => events.push(event), signal: stop.signal });
  await until(() => events.length > 0);
  stop.abort();
  await worker.done;
  expect(events).toEqual([
    expect.objectContaining({ kind: 'compacted', table: 'db.t', filesBefore: 6, filesAfter: 1 }),
  ]);
});

test('a task that fails is told, and the others go on', async () => {
  await using parts = await openParts({ log: true });
  await createTableFromDdl(parts, 'db.t', keyed("'bucket' = '1'"));
  const { store } = parts;
  const failing = new Proxy(store, {
    get(target, name) {
      if (name === 'list') throw new Error('the store is away');
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const events: WorkerEvent[] = [];
  const onEvent = (event: WorkerEvent): void => {
    events.push(event);
  };
  await using worker = new LakeWorker({ ...parts, store: failing }, { onEvent, maintenance: false });
  await until(() => events.some(event => event.kind === 'failed'));
  expect(events[0]).toMatchObject({ kind: 'failed', code: 'LAKE_INTERNAL', message: 'the store is away' });
  expect(worker).toBeDefined();
});
