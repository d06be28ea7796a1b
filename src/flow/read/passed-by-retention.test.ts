/** Places that retention has passed before the table's snapshots knew of their shards. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { createTable } from '../../catalog/catalog.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { append, openTestTable, testDefinition, testIdentifier, testProducer } from '../testing.ts';
import type { SubscribeFrom } from './history-range.ts';
import { subscribe } from './subscribe.ts';

type Reading = { readonly onGap?: 'snapshots' | 'fail'; readonly isCutOff?: boolean };

const retentionMs = 24 * 3_600_000;

test.each([
  { before: 0, of: 'the end' },
  { before: 1, of: 'the end' },
  { before: 0, of: 'the beginning' },
])(
  'a place of before the first snapshot, told at $of of a read of $before rows, is refused when the log has lost what follows it',
  async ({ before, of }) => {
    const [clock, random] = [new ManualClock(), seededRandom(1)];
    const store = new MemoryObjectStore('memory:z', clock);
    const log = new MemoryLogStore({ name: 'z', retentionMs }, { clock, random });
    const w = { clock, random, store, log };
    const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
    const producer = testProducer(w, schema);
    await using ingest = new IngestWorker(w);
    const read = async (from: SubscribeFrom, { onGap = 'fail', isCutOff = false }: Reading = {}) => {
      const keys: unknown[] = [];
      let next = from;
      const request = { from, until: { kind: 'now' }, onGap } as const;
      const table = await openTestTable(w);
      for await (const { rows, resume } of subscribe(w, table, request, new AbortController().signal)) {
        keys.push(...rowsOf(rows).map(([k]) => k));
        if (resume !== undefined) next = { kind: 'resume', point: resume };
        if (resume !== undefined && isCutOff) break;
      }
      return { keys, next };
    };
    for (let i = 0; i < before; i += 1) await append(producer, schema, [[BigInt(i), 'v', 1]]);
    const first = await read({ kind: 'full' }, { isCutOff: of === 'the beginning' });
    await append(producer, schema, [[10n, 'v', 1]]);
    await ingest.drain();
    expect((await read(first.next)).keys).toEqual([10n]);
    clock.advance(2 * retentionMs);
    // With nothing after what was lost, too.
    await expect(read(first.next)).rejects.toMatchObject({ code: 'LAKE_LOG_GAP' });
    await append(producer, schema, [[11n, 'v', 1]]);
    await expect(read(first.next)).rejects.toMatchObject({ code: 'LAKE_LOG_GAP' });
    // What there is of it by now is in the table, as what was lost is.
    await ingest.drain();
    await expect(read(first.next)).rejects.toMatchObject({ code: 'LAKE_LOG_GAP' });
    // Snapshots have it all, and with it, in the same commit, the row that was given.
    const given = before === 0 ? [] : [0n];
    expect((await read(first.next, { onGap: 'snapshots' })).keys).toEqual([...given, 10n, 11n]);
  },
);
