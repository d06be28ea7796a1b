/** Readers that the log's retention has passed, as users of the library and of HTTP see them. */
import { expect, test } from 'vitest';
import { serverEvents } from '../../test/event-stream.ts';
import { present } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { t } from './column-types.ts';
import { catalogApp } from './http/catalog-app.ts';
import { catalogPartsOf } from './http/catalog-parts.ts';
import { Lake } from './lake.ts';
import { openLakeParts } from './lake-parts.ts';

const retentionMs = 24 * 3_600_000;

test('what comes from snapshots may repeat: the library and HTTP say so; a watch begins again', async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const random = seededRandom(3);
  const store = new MemoryObjectStore('memory:passed', clock);
  const log = new MemoryLogStore({ name: 'passed', shardCount: 1, retentionMs }, { clock, random });
  const settings = { warehouse: 's3://bucket', cost: { ledger: 'off' }, log: 'memory:x' } as const;
  await using parts = await openLakeParts(settings, { store, log, clock, random });
  const lake = new Lake(parts);
  const table = await lake.createTable('d.t', {
    columns: { k: t.int(), v: t.int() },
    primaryKey: ['k'],
    options: { bucket: '1' },
  });
  const put = async (v: number): Promise<void> => {
    await using writer = table.writer();
    await writer.upsert({ k: 1, v });
  };
  await put(1);
  let place: string | undefined;
  const onPlace = (resume: string): void => {
    place = resume;
  };
  for await (const { mayRepeat } of table.subscribe({ from: 'full', until: 'now', onPlace }))
    expect(mayRepeat).toBe(false);
  const resume = present(place, 'a place');
  const watch = table.watch();
  const { resume: watched } = present((await watch.next()).value ?? undefined, 'the answer');
  await watch.return();

  await put(2);
  await lake.ingest();
  aheadMs = 2 * retentionMs;
  await put(3);
  const changes = await Array.fromAsync(table.subscribe({ from: { resume }, until: 'now' }));
  expect(changes.map(({ row, mayRepeat }) => [row.v, mayRepeat])).toEqual([
    [2, true],
    [3, false],
  ]);

  const app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  const answer = await app.fetch(new Request(`https://lake/v1/tables/d.t/changes?until=now&resume=${resume}`), {
    context: { getRemainingTimeInMillis: () => 60_000 },
    requestId: 'invocation-1',
    report: () => undefined,
  });
  const events = await Array.fromAsync(serverEvents(present(answer.body, 'a body')));
  const sent = events.filter(({ name }) => name === 'changes').map(({ data }) => data);
  expect(sent).toMatchObject([
    { mayRepeat: true, changes: [{ row: { v: 2 } }] },
    { phase: 'log', changes: [{ row: { v: 3 } }] },
  ]);
  expect(sent[1]).not.toHaveProperty('mayRepeat');

  // Of what may have come before a difference cannot be made.
  const again = table.watch({ resume: watched });
  const batches = [];
  for await (const batch of again) {
    batches.push(batch);
    if (batch.changes.some(({ row }) => row.v === 3)) break;
  }
  expect(batches.find(({ changes }) => changes.length > 0)?.kind).toBe('full');
});
