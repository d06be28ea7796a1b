/** Group commit on the memory drivers: whatever messages come, in whatever order, each row is in the table once. */
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import { alterTable, createTable, loadSchema } from '../../catalog/catalog.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { commitPlan } from '../../table/commit/request.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Scalar } from '../../types/scalar.ts';
import {
  CommitLoop,
  contentOf,
  EventSource,
  eventWorld,
  handOver,
  hurried,
  keepingDefinition,
  numberedRows,
} from '../event-testing.ts';
import { openEventIngest } from '../ingest/ingest-event.ts';
import { loadState } from '../ingest/load-state.ts';
import { routeRecords } from '../ingest/route-records.ts';
import { readOrigins } from '../ingest/stored-origins.ts';
import { Take } from '../ingest/take.ts';
import { append, openTestTable, type TestWorld, testIdentifier, testProducer } from '../testing.ts';
import { applyMessages } from './apply-messages.ts';
import { applyCommitEvent, openCommitApplier } from './commit-event.ts';
import { type CommitMessage, decodeCommitMessage, encodeCommitMessage } from './commit-message.ts';
import { commitMessageOf } from './send-message.ts';

const options = { commitUser: 'commit' };

async function makeTable(w: TestWorld): Promise<TableSchema> {
  return createTable(w, testIdentifier, keepingDefinition, { ifNotExists: false });
}

/** What ingest would send now for the records of a shard that lie above a position. */
async function messageFor(w: TestWorld, shardId: string, above: bigint | undefined): Promise<CommitMessage> {
  const table = await openTestTable(w);
  await using committer = new Committer(table);
  const found = await committer.base();
  if (found.kind === 'fenced') throw new Error(found.reason);
  const { incarnation, retentionMs, shards: listed } = await w.log.describe();
  const all = (await w.log.read(shardId, { kind: 'earliest' })).records;
  const envelopes = all.filter(({ position }) => above === undefined || position > above);
  const last = present(envelopes.at(-1), 'a record');
  const state = await loadState(table, found.base.properties);
  const batch = {
    shardId,
    hashKeys: { start: 0n, end: -1n },
    recorded: state?.shards.get(shardId)?.position,
    records: routeRecords(shardId, envelopes).byTable.get(table.id ?? '') ?? [],
    through: { position: last.position, arrivalMs: last.arrivalMs },
    ended: false,
  };
  const prepared = await new Take(table, w.store, { incarnation, shards: [batch], retentionMs, listed }).prepare(
    found.base,
    undefined,
  );
  if (prepared.status === 'stop') throw new Error(prepared.detail);
  const message = commitMessageOf(table, incarnation, batch, prepared);
  // As it would come out of the commit log.
  return decodeCommitMessage(encodeCommitMessage(message), 'test');
}

async function apply(w: TestWorld, messages: readonly CommitMessage[]) {
  const table = await openTestTable(w);
  await using committer = new Committer(table);
  return await applyMessages(table, committer, messages, options);
}

async function shardIds(w: TestWorld): Promise<readonly string[]> {
  return (await w.log.describe()).shards.map(shard => shard.shardId);
}

/** Rows whose keys are in the same bucket, so in the same shard. */
function rowsOfKey(key: bigint, count: number, from = 0): Scalar[][] {
  return Array.from({ length: count }, (_, index) => [key, `k${key}`, from + index]);
}

test('a message is the same after encoding and decoding', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 100));
  const message = await messageFor(w, (await shardIds(w))[0] ?? '', undefined);
  expect(message.files.length).toBe(16);
  expect(message.producers.size).toBe(16);
  expect(decodeCommitMessage(encodeCommitMessage(message), 'test')).toEqual(message);
  const empty = { ...message, files: [], from: 3n, to: { position: 1n << 100n, arrivalMs: 5 } };
  expect(decodeCommitMessage(encodeCommitMessage(empty), 'test')).toEqual(empty);
});

test('messages of sixteen shards are one snapshot, with every row once', async () => {
  const w = eventWorld({ shardCount: 16 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 2_000));
  const used = await shardIds(w);
  const messages: CommitMessage[] = [];
  for (const shardId of used) {
    const { records } = await w.log.read(shardId, { kind: 'earliest' });
    if (records.length > 0) messages.push(await messageFor(w, shardId, undefined));
  }
  expect(messages.length).toBeGreaterThan(5);
  const outcome = await apply(w, messages);
  expect(outcome.applied).toHaveLength(messages.length);
  const content = await contentOf(w);
  expect(content).toMatchObject({ snapshotId: 1, unaccounted: 0n, rows: numberedRows(0, 2_000) });
});

test('of a table without keys, the snapshot tells which records the rows of all its messages are of', async () => {
  const w = eventWorld({ shardCount: 4, retentionMs: 3_600_000 });
  const definition = { ...keepingDefinition, primaryKeys: [], options: { bucket: '-1' } };
  const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
  for (let n = 0; n < 20; n += 1) await append(testProducer(w, schema), schema, numberedRows(n, n + 1));
  const messages: CommitMessage[] = [];
  const expected: Record<string, bigint[]> = {};
  for (const shardId of await shardIds(w)) {
    const { records } = await w.log.read(shardId, { kind: 'earliest' });
    if (records.length === 0) continue;
    expected[shardId] = records.map(({ position }) => position);
    messages.push(await messageFor(w, shardId, undefined));
  }
  expect(messages.length).toBeGreaterThan(1);
  const { commits } = await apply(w, messages);
  expect(commits).toHaveLength(1);
  const table = await openTestTable(w);
  const origins = await readOrigins(table, present(await latestSnapshot(table), 'a snapshot'));
  const runs = [...(origins?.values() ?? [])].flat();
  expect(runs.every(({ rowCount }) => rowCount === 1)).toBe(true);
  const told = Map.groupBy(runs, ({ shardId }) => shardId);
  expect(Object.fromEntries([...told].map(([id, of]) => [id, of.map(({ position }) => position)]))).toEqual(expected);
});

test('doubled, late and overlapping messages are dropped, and change nothing', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const [shardId = ''] = await shardIds(w);
  await append(p, schema, numberedRows(0, 50));
  const first = await messageFor(w, shardId, undefined);
  await append(p, schema, numberedRows(50, 80));
  const overlapping = await messageFor(w, shardId, undefined);
  const outcome = await apply(w, [first, first, overlapping]);
  expect(outcome.applied).toEqual([first]);
  expect(outcome.dropped.map(({ message }) => message)).toEqual([first, overlapping]);
  expect((await contentOf(w)).rows).toEqual(numberedRows(0, 50));
  const { snapshotId } = await contentOf(w);
  expect((await apply(w, [overlapping, first])).applied).toEqual([]);
  expect((await contentOf(w)).snapshotId).toBe(snapshotId);
  const rest = await messageFor(w, shardId, first.to.position);
  expect((await apply(w, [rest])).applied).toEqual([rest]);
  expect(await contentOf(w)).toMatchObject({ unaccounted: 0n, rows: numberedRows(0, 80) });
});

test('a message that goes on where another ends needs it before; the other way round it is dropped', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const [shardId = ''] = await shardIds(w);
  await append(p, schema, rowsOfKey(1n, 10));
  const first = await messageFor(w, shardId, undefined);
  await append(p, schema, rowsOfKey(2n, 10));
  const after = { ...(await messageFor(w, shardId, first.to.position)), from: first.to.position };
  const wrongWay = await apply(w, [after, first]);
  expect(wrongWay.applied).toEqual([first]);
  expect(wrongWay.dropped.map(({ why }) => why)).toEqual([
    `shard ${shardId} is at nothing, it starts at ${after.from}`,
  ]);
  const right = eventWorld({ shardCount: 1, seed: 8 });
  const rightSchema = await makeTable(right);
  const q = testProducer(right, rightSchema);
  await append(q, rightSchema, rowsOfKey(1n, 10));
  const one = await messageFor(right, shardId, undefined);
  await append(q, rightSchema, rowsOfKey(2n, 10));
  const two = { ...(await messageFor(right, shardId, one.to.position)), from: one.to.position };
  expect((await apply(right, [one, two])).applied).toEqual([one, two]);
  expect(await contentOf(right)).toMatchObject({ snapshotId: 1, unaccounted: 0n });
  expect((await contentOf(right)).rows).toHaveLength(20);
});

test('what the guards refuse costs its own message alone', async () => {
  const w = eventWorld({ shardCount: 4 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 400));
  const messages: CommitMessage[] = [];
  for (const shardId of await shardIds(w)) messages.push(await messageFor(w, shardId, undefined));
  const [tooOld, wrongCount, lowNumbers, good] = messages.map(message => present(message, 'a message'));
  const bad = [
    { ...present(tooOld, 'message'), uploadBeganMs: 0 },
    {
      ...present(wrongCount, 'message'),
      files: present(wrongCount, 'message').files.map((file, index) => ({
        ...file,
        totalBuckets: index === 0 ? 16 : 7,
      })),
    },
    {
      ...present(lowNumbers, 'message'),
      files: present(lowNumbers, 'message').files.flatMap(planned => [
        planned,
        { ...planned, file: { ...planned.file, fileName: `again-${planned.file.fileName}` } },
      ]),
    },
  ];
  const outcome = await apply(w, [...bad, present(good, 'message')]);
  expect(outcome.applied).toEqual([good]);
  expect(outcome.failed).toEqual([]);
  expect(outcome.dropped.map(({ message }) => message.shardId).toSorted()).toEqual(
    bad.map(message => message.shardId).toSorted(),
  );
  const why = outcome.dropped.map(dropped => dropped.why.replaceAll(/again-\S+/g, 'FILE')).toSorted();
  expect(why[0]).toBe('it counts 7 buckets, not 16');
  expect(why[1]).toBe('its files are too old (S7)');
  expect(why[2]).toMatch(/^sequence numbers at or below the base's/);
});

test('records that are no messages, or of no table, are passed over', async () => {
  const w = eventWorld({ shardCount: 1 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 50));
  const message = await messageFor(w, (await shardIds(w))[0] ?? '', undefined);
  const data = encodeCommitMessage(message);
  const cut = data.slice(0, data.length - 9);
  const flipped = data.map((byte, index) => (index === 40 ? byte ^ 1 : byte));
  const raised = encodeCommitMessage({
    ...message,
    files: message.files.map(planned => ({ ...planned, file: { ...planned.file, level: 5 } })),
  });
  const backwards = encodeCommitMessage({ ...message, from: message.to.position });
  const ofNobody = encodeCommitMessage({ ...message, tableId: 'another' });
  const ofAnotherLog = encodeCommitMessage({ ...message, incarnation: 'another' });
  const all = [new Uint8Array(), cut, flipped, raised, backwards, ofNobody, data, ofAnotherLog];
  await using applier = openCommitApplier(w);
  const envelopes = all.map((bytes, index) => ({ position: BigInt(index), arrivalMs: 0, data: bytes }));
  const result = await applyCommitEvent(applier, { shardId: 'commits', envelopes });
  expect(result.unreadable.map(error => error.code)).toEqual(Array(5).fill('LAKE_COMMIT_MESSAGE_CORRUPT'));
  expect(result.heldAt).toBeUndefined();
  expect(result.tables.map(({ isDropped, applied }) => [isDropped, applied.length])).toEqual([
    [true, 0],
    [false, 1],
  ]);
  expect((await contentOf(w)).rows).toEqual(numberedRows(0, 50));
});

test('a message under an older schema is applied while the duties are the same, and dropped when they are others', async () => {
  const w = eventWorld({ shardCount: 4 });
  const schema = await makeTable(w);
  await append(testProducer(w, schema), schema, numberedRows(0, 400));
  const [a = '', b = '', c = ''] = await shardIds(w);
  const old = [await messageFor(w, a, undefined), await messageFor(w, b, undefined)];
  await alterTable(w, testIdentifier, [{ kind: 'add-column', name: 'w', type: { kind: 'double', nullable: true } }]);
  const fresh = await messageFor(w, c, undefined);
  expect(fresh.schemaId).toBe(1);
  expect((await apply(w, [present(old[0], 'a message'), fresh])).applied).toHaveLength(2);
  expect((await latestSnapshot(await openTestTable(w)))?.schemaId).toBe(1);
  await alterTable(w, testIdentifier, [{ kind: 'set-option', key: 'deletion-vectors.bitmap64', value: 'true' }]);
  const table = await openTestTable(w);
  await using committer = new Committer(table);
  const plan = async () => commitPlan({ kind: 'APPEND', schemaId: 2 });
  await committer.commit({ commitUser: 'fence', commitIdentifier: 1n, plan });
  const outcome = await apply(w, [present(old[1], 'a message')]);
  expect(outcome.applied).toEqual([]);
  expect(outcome.dropped[0]?.why).toMatch(/duties/);
});

test('ingest sends again what was lost, and renumbers what no longer fits', async () => {
  const w = hurried(eventWorld({ shardCount: 1 }));
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const [shardId = ''] = await shardIds(w);
  const commitLog = new MemoryLogStore({ name: 'commits', shardCount: 1 }, w);
  await using ingest = openEventIngest({ ...w, commitLog });
  const source = new EventSource(w.log);
  await append(p, schema, numberedRows(0, 20));
  await source.drain(ingest);
  await append(p, schema, numberedRows(20, 40));
  let appendCount = 0;
  const losing = new Proxy(commitLog, {
    get(target, name) {
      if (name !== 'append') return Reflect.get(target, name, target) as unknown;
      return async (...call: Parameters<typeof target.append>) => {
        appendCount += 1;
        if (appendCount > 1) return target.append(...call);
        return [{ status: 'unanswered', cause: new Error('lost') }] as const;
      };
    },
  });
  await using sender = openEventIngest({ ...w, commitLog: losing });
  await using loop = new CommitLoop(w, commitLog, { mistakes: false });
  const envelopes = await source.batch(shardId);
  expect((await handOver(sender, shardId, envelopes, { forMs: 1_000_000 })).heldAt).toBeUndefined();
  expect(appendCount).toBe(2);
  expect(loop.results.flatMap(result => result.tables).map(table => table.applied.length)).toEqual([1]);
  expect(await contentOf(w)).toMatchObject({ unaccounted: 0n, rows: numberedRows(0, 40) });
});

test('without a commit function nothing is acknowledged, and nothing is lost', async () => {
  const w = hurried(eventWorld({ shardCount: 1 }));
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const [shardId = ''] = await shardIds(w);
  const commitLog = new MemoryLogStore({ name: 'commits', shardCount: 1 }, w);
  await using ingest = openEventIngest({ ...w, commitLog });
  const source = new EventSource(w.log);
  await append(p, schema, numberedRows(0, 20));
  await source.drain(ingest);
  await append(p, schema, numberedRows(20, 40));
  const envelopes = await source.batch(shardId);
  const result = await handOver(ingest, shardId, envelopes, { forMs: 20_000 });
  expect(result.heldAt).toBe(envelopes[0]?.position);
  expect(result.tables[0]?.error?.code).toBe('LAKE_COMMIT_UNKNOWN');
  await using _loop = new CommitLoop(w, commitLog, { mistakes: false });
  expect((await handOver(ingest, shardId, envelopes, { forMs: 1_000_000 })).heldAt).toBeUndefined();
  expect(await contentOf(w)).toMatchObject({ unaccounted: 0n, rows: numberedRows(0, 40) });
});

test('sixteen shards at once and one commit function: fewer snapshots than batches, every row once', async () => {
  const w = hurried(eventWorld({ shardCount: 16 }));
  const schema = await makeTable(w);
  const p = testProducer(w, schema);
  const commitLog = new MemoryLogStore({ name: 'commits', shardCount: 1 }, w);
  await using loop = new CommitLoop(w, commitLog, { mistakes: false });
  const ids = await shardIds(w);
  const ingests = ids.map(() => openEventIngest({ ...w, commitLog }));
  const sources = ids.map(() => new EventSource(w.log));
  let batches = 0;
  for (let round = 0; round < 4; round += 1) {
    await append(p, schema, numberedRows(round * 500, round * 500 + 500));
    await Promise.all(
      ids.map(async (shardId, index) => {
        const source = present(sources[index], 'a source');
        const envelopes = await source.batch(shardId);
        if (envelopes.length === 0) return;
        if (round > 0) batches += 1;
        const result = await handOver(present(ingests[index], 'an ingest'), shardId, envelopes, { forMs: 1_000_000 });
        source.acknowledge(shardId, envelopes, result);
      }),
    );
  }
  const applied = loop.results.flatMap(result => result.tables).map(table => table.applied.length);
  const swaps = applied.filter(count => count > 0);
  expect(swaps.reduce((sum, count) => sum + count, 0)).toBe(batches);
  expect(swaps.length).toBeLessThan(batches);
  expect(await contentOf(w)).toMatchObject({ unaccounted: 0n, rows: numberedRows(0, 2_000) });
});

test('dead letters of grouped batches are listed with the positions that pass over them', async () => {
  const w = eventWorld({ shardCount: 2 });
  const schema = await makeTable(w);
  const loose = { ...schema, fields: schema.fields.map(f => ({ ...f, type: { ...f.type, nullable: true } })) };
  const rows = numberedRows(0, 64).map(([k, v, n]): Scalar[] => [
    k ?? null,
    v ?? null,
    Number(n) % 4 === 0 ? null : (n ?? null),
  ]);
  await append(testProducer(w, loose), loose, rows);
  const messages: CommitMessage[] = [];
  for (const shardId of await shardIds(w)) messages.push(await messageFor(w, shardId, undefined));
  expect((await apply(w, messages)).applied).toHaveLength(2);
  const { state, unaccounted, rows: kept } = await contentOf(w);
  expect(kept).toHaveLength(48);
  expect(unaccounted).toBe(0n);
  expect(state?.counters.deadLettered).toBe(16n);
  const { readDeadLetters } = await import('../ingest/dead-letters.ts');
  let found = 0;
  for await (const letter of readDeadLetters(await openTestTable(w), state?.deadLetters ?? ''))
    found += letter.rowCount;
  expect(found).toBe(16);
  expect((await loadSchema(w, testIdentifier)).id).toBe(0);
});

test('messages bring event times: a snapshot has the least of the shards that their senders knew, and waits for one without rows', async () => {
  const w = eventWorld({ shardCount: 2 });
  const ts = { name: 'ts', type: { kind: 'timestamp', precision: 3, nullable: true } } as const;
  const watermark = { 'schema.watermark.0.rowtime': 'ts', 'schema.watermark.0.strategy.expr': 'ts' };
  const { columns, options: spread } = keepingDefinition;
  const definition = { ...keepingDefinition, columns: [...columns, ts], options: { ...spread, ...watermark } };
  const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
  const send = (key: bigint, ms: number): Promise<void> =>
    append(testProducer(w, schema), schema, [[key, 'v', 1, BigInt(ms) * 1_000_000n]]);
  const headMark = async (): Promise<bigint | undefined> => (await latestSnapshot(await openTestTable(w)))?.watermark;
  // Of keys of both shards.
  for (let key = 0n; key < 20n; key += 1n) await send(key, 1_000 + Number(key));
  const [a = '', b = ''] = await shardIds(w);
  const [ofA, ofB] = [await messageFor(w, a, undefined), await messageFor(w, b, undefined)];
  const latestOf = (message: CommitMessage): number => message.events?.seen.get(message.shardId)?.eventMs ?? 0;
  expect(ofA.events?.openShardIds).toEqual([a, b]);
  expect((await apply(w, [ofA])).applied).toHaveLength(1);
  expect(await headMark()).toBeUndefined();
  expect((await apply(w, [ofB])).applied).toHaveLength(1);
  const both = Math.min(latestOf(ofA), latestOf(ofB));
  expect([both > 1_000, await headMark()]).toEqual([true, BigInt(both)]);
  for (let key = 0n; key < 20n; key += 1n) await send(key, 500 + Number(key));
  const late = [await messageFor(w, a, ofA.to.position), await messageFor(w, b, ofB.to.position)];
  expect((await apply(w, late)).applied).toHaveLength(2);
  expect(await headMark()).toBe(BigInt(both));
});
