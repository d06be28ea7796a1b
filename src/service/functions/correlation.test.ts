/** From a producer's acknowledgement to the snapshot, by what the functions tell and by what the table itself says. */
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import type { AcknowledgedRecord } from '../../flow/acknowledged-record.ts';
import { openCommitApplier } from '../../flow/group-commit/commit-event.ts';
import { openEventIngest } from '../../flow/ingest/ingest-event.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { t } from '../column-types.ts';
import { openLake } from '../lake.ts';
import { applyCommits, commitReport } from './commit-function.ts';
import { ingestRecords, ingestReport } from './ingest-function.ts';
import type { ShardRecords } from './kinesis-event.ts';

const context = { getRemainingTimeInMillis: () => 60_000 };

/** A lake of one shard, and a way to write rows of which the acknowledgements are kept. */
async function newWorld(name: string) {
  const parts = { clock: systemClock, random: seededRandom(8) };
  const store = new MemoryObjectStore(`memory:${name}`, systemClock);
  const log = new MemoryLogStore({ name, shardCount: 1 }, parts);
  const commitLog = new MemoryLogStore({ name: `${name}-commits`, shardCount: 1 }, parts);
  const lake = await openLake({ warehouse: `memory:${name}` }, { store, log, ...parts });
  const table = await lake.createTable('db.t', {
    columns: { k: t.bigint(), v: t.string() },
    options: { bucket: 1, 'bucket-key': 'k' },
  });
  const acknowledged: AcknowledgedRecord[] = [];
  const write = async (from: number, to: number): Promise<void> => {
    await using writer = table.writer({ onAcknowledged: record => acknowledged.push(record) });
    for (let k = from; k < to; k += 1) await writer.insert({ k, v: 'v' });
  };
  return { parts: { ...parts, store }, log, commitLog, lake, table, acknowledged, write };
}

async function batchOf(log: MemoryLogStore, after?: bigint): Promise<ShardRecords> {
  const [{ shardId } = { shardId: '' }] = (await log.describe()).shards;
  const start = after === undefined ? ({ kind: 'earliest' } as const) : ({ kind: 'after', position: after } as const);
  return { shardId, envelopes: (await log.read(shardId, start)).records };
}

test('a line of ingest and the table itself lead from an acknowledgement to its snapshot', async () => {
  const { parts, log, lake, table, acknowledged, write } = await newWorld('correlation');
  await using _lake = lake;
  await using ingest = openEventIngest({ ...parts, log });
  await write(0, 3);
  await ingestRecords(ingest, [await batchOf(log)], context);
  await write(3, 5);
  const last = acknowledged.at(-1);
  const name = { kind: 'place', shardId: last?.shardId ?? '', position: last?.position ?? 0n } as const;
  expect(await table.locate(name)).toMatchObject({ status: 'not-yet', snapshotId: 1 });
  const { figures } = await ingestRecords(ingest, [await batchOf(log)], context);
  const { fields, metrics } = ingestReport(figures);
  const producer = acknowledged.at(-1)?.producerId;
  expect(acknowledged).toHaveLength(5);
  // What the line says is JSON: nothing in it is lost when it is written.
  expect(JSON.parse(JSON.stringify(fields))).toMatchObject({
    rowsIn: 2,
    tables: [
      {
        table: 'db.t',
        shard: last?.shardId,
        status: 'taken',
        commits: [
          {
            snapshotId: 2,
            commitUser: ingest.commitUser,
            rowCount: 2,
            shards: [{ shard: last?.shardId, from: String(acknowledged[2]?.position), to: String(last?.position) }],
            producers: [`0/${producer} 1-2`],
            producerCount: 1,
          },
        ],
      },
    ],
  });
  expect(metrics).toMatchObject({ RowsIn: 2, FreshnessMs: expect.any(Number), CommitConflicts: 0, LostShards: 0 });
  const [snapshot] = (await table.system<{ snapshot_id: bigint; commit_user: string }>('snapshots')).toReversed();
  expect(snapshot).toMatchObject({ snapshot_id: 2n, commit_user: ingest.commitUser });
  for (const [index, { producerId, lane, number, shardId, position, rowCount }] of acknowledged.entries()) {
    const found = { status: 'in-table', snapshotId: index < 3 ? 1 : 2, isOldest: false, deadLetter: undefined };
    expect(await table.locate({ kind: 'place', shardId, position })).toMatchObject(found);
    expect(await table.locate({ kind: 'number', producerId, lane, number })).toMatchObject(found);
    expect(rowCount).toBe(1);
  }
  const stranger = { kind: 'number', producerId: 'nobody', lane: 0, number: 1 } as const;
  expect(await table.locate(stranger)).toMatchObject({ status: 'unknown', snapshotId: 2 });
});

test('with a commit function the message leads from one line to the other', async () => {
  const { parts, log, commitLog, lake, acknowledged, write } = await newWorld('correlation-grouped');
  await using _lake = lake;
  await write(0, 1);
  {
    // The first rows of a table, ingest reads from the log and commits itself.
    await using first = openEventIngest({ ...parts, log });
    await ingestRecords(first, [await batchOf(log)], context);
  }
  await using ingest = openEventIngest({ ...parts, log, commitLog });
  await using applier = openCommitApplier(parts);
  await write(1, 3);
  const ingesting = ingestRecords(ingest, [await batchOf(log)], context);
  let messages = await batchOf(commitLog);
  while (messages.envelopes.length === 0) {
    await systemClock.sleep(5);
    messages = await batchOf(commitLog);
  }
  const committed = await applyCommits(applier, [messages], context);
  const { figures } = await ingesting;
  const [message] = messages.envelopes;
  const { fields: ofIngest } = ingestReport(figures);
  expect(ofIngest).toMatchObject({
    tables: [
      { commits: [{ snapshotId: 2, commitUser: undefined, message: `${messages.shardId}@${message?.position}` }] },
    ],
  });
  const { fields: ofCommit, hasTrouble } = commitReport(committed.figures);
  expect(hasTrouble).toBe(false);
  expect(JSON.parse(JSON.stringify(ofCommit))).toMatchObject({
    applied: 1,
    tables: [
      {
        table: 'db.t',
        commits: [
          {
            snapshotId: 2,
            messageCount: 1,
            messages: [
              {
                position: String(message?.position),
                shard: acknowledged[0]?.shardId,
                from: String(acknowledged[0]?.position),
                to: String(acknowledged[2]?.position),
              },
            ],
          },
        ],
      },
    ],
  });
});
