/** One swap of ingest: what goes in with it, and what becomes of it. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { recordOf } from '../../../test/record-fixture.ts';
import { beforePutIfAbsent, fixedRequest, fixtureTable, ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { dropTable } from '../../catalog/drop-table.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import { batchCommitIdentifier } from '../../format/snapshot.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { readDeadLetters } from './dead-letters.ts';
import { type IngestInput, type IngestOutcome, ingestTable } from './ingest-table.ts';
import { loadState } from './load-state.ts';
import type { IngestState } from './state.ts';
import type { RoutedRecord } from './tail.ts';

const clock = new ManualClock();
const random = seededRandom(1);

function tableIn(store: ObjectStore): Promise<Table> {
  return fixtureTable(store, { clock, random });
}

function newStore(): MemoryObjectStore {
  return new MemoryObjectStore('memory:ingest-table', clock);
}

function inputOf(records: readonly RoutedRecord[], changes: Partial<IngestInput> = {}): IngestInput {
  const through = { position: 9n, arrivalMs: 12 };
  const hashKeys = { start: 0n, end: (1n << 128n) - 1n };
  return {
    incarnation: 'log-1',
    shards: [{ shardId: 'a', hashKeys, recorded: undefined, records, through, ended: false }],
    listed: [{ shardId: 'a', parentIds: [], hashKeyStart: 0n, hashKeyEnd: hashKeys.end, closed: false }],
    retentionMs: undefined,
    commitUser: 'ingest-1',
    ...changes,
  };
}

async function ingest(table: Table, input: IngestInput): Promise<IngestOutcome> {
  await using committer = new Committer(table);
  return await ingestTable(table, committer, table.store, input);
}

async function stateIn(table: Table): Promise<IngestState | undefined> {
  const snapshot = await latestSnapshot(table);
  return snapshot && (await loadState(table, snapshot.properties));
}

test('rows and positions go in with one append of the batch kind, and its figures are said', async () => {
  const table = await tableIn(newStore());
  const records = [
    recordOf(table.schema, [[1, 10, 'x']]),
    recordOf(table.schema, [[2, 10, 'x']], { producerNumber: 2 }),
  ];
  await using committer = new Committer(table);
  await committer.base();
  const outcome = await ingestTable(table, committer, table.store, inputOf(records));
  expect(outcome).toMatchObject({
    status: 'committed',
    attempts: 1,
    counters: { rowsIn: 2n, written: 2n, deadLettered: 0n },
    snapshot: {
      id: 1,
      commitKind: 'APPEND',
      commitUser: 'ingest-1',
      commitIdentifier: batchCommitIdentifier,
      schemaId: table.schema.id,
      totalRecordCount: 2n,
    },
  });
  // A manifest, two lists and the swap; what the plan writes is not the commit's.
  expect(outcome).toHaveProperty('requests', 4);
  expect((await stateIn(table))?.shards.get('a')).toMatchObject({ position: 9n });
});

test('what the table cannot take is on its list of dead letters in the same snapshot, behind those of before', async () => {
  const table = await tableIn(newStore());
  for (const [at, recorded] of [undefined, 9n].entries()) {
    const misfit = recordOf(table.schema, [[null, 10, `letter ${at}`]], {
      position: 8n + BigInt(10 * at),
      producerNumber: at + 1,
    });
    const input = inputOf([misfit]);
    const shards = input.shards.map(shard => ({
      ...shard,
      recorded,
      through: { position: 9n + BigInt(10 * at), arrivalMs: 12 },
    }));
    expect(await ingest(table, { ...input, shards })).toMatchObject({
      status: 'committed',
      counters: { rowsIn: 1n, written: 0n, deadLettered: 1n },
    });
  }
  const list = (await stateIn(table))?.deadLetters;
  const positions: bigint[] = [];
  for await (const letter of readDeadLetters(table, list ?? '')) positions.push(letter.position);
  expect(positions).toEqual([8n, 18n]);
  const input = inputOf([recordOf(table.schema, [[1, 10, 'x']], { position: 21n, producerNumber: 3 })]);
  const shards = input.shards.map(shard => ({ ...shard, recorded: 19n, through: { position: 22n, arrivalMs: 12 } }));
  expect(await ingest(table, { ...input, shards })).toMatchObject({ status: 'committed' });
  expect((await stateIn(table))?.deadLetters).toBe(list);
});

test('dead letters that were uploaded too long before the base was looked up are not committed', async () => {
  const inner = newStore();
  const other = await tableIn(inner);
  const store = beforePutIfAbsent(inner, '/snapshot/snapshot-1', async () => {
    clock.advance(13 * 3_600_000);
    await new Committer(other).commit(fixedRequest(other, {}));
  });
  const table = await tableIn(store);
  expect(await ingest(table, inputOf([recordOf(table.schema, [[null, 10, 'x']])]))).toEqual({
    status: 'conflict',
    rule: 'S7',
    detail: expect.stringMatching(/uploaded too long before .*dead-letters-/),
  });
  expect((await latestSnapshot(table))?.id).toBe(1);
});

test('a position that somebody else has moved changes nothing, and is said', async () => {
  const table = await tableIn(newStore());
  const input = inputOf([recordOf(table.schema, [[1, 10, 'x']])]);
  expect(await ingest(table, input)).toMatchObject({ status: 'committed' });
  expect(await ingest(table, input)).toEqual({ status: 'changed', detail: expect.stringMatching(/a/) });
  expect((await latestSnapshot(table))?.id).toBe(1);
});

test('a table that was dropped is fenced, and why is said', async () => {
  const store = newStore();
  const table = await tableIn(store);
  await using committer = new Committer(table);
  await ingestTable(table, committer, table.store, inputOf([recordOf(table.schema, [[1, 10, 'x']])]));
  await dropTable({ store, clock, random }, parseIdentifier('d.t'), { ifExists: false });
  const input = inputOf([recordOf(table.schema, [[2, 10, 'x']], { position: 12n, producerNumber: 2 })]);
  const shards = input.shards.map(shard => ({ ...shard, recorded: 9n, through: { position: 12n, arrivalMs: 12 } }));
  expect(await ingestTable(table, committer, table.store, { ...input, shards })).toEqual({
    status: 'fenced',
    detail: expect.stringMatching(/^(dropped|table-gone)$/),
  });
});

test('a swap without an answer is unknown, and an aborted one is no swap', async () => {
  const inner = newStore();
  const store = changedStore<ObjectStore>(inner, {
    putIfAbsent: async () => ({ status: 'unanswered', cause: new Error('no answer') }),
  });
  const table = await tableIn(store);
  const input = inputOf([recordOf(table.schema, [[1, 10, 'x']])]);
  expect(await ingest(table, input)).toMatchObject({ status: 'unknown', detail: expect.stringMatching(/./) });
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(ingest(table, { ...input, signal })).rejects.toThrow('enough');
  expect(await latestSnapshot(table)).toBeUndefined();
});
