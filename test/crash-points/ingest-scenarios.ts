/** Ingest by a worker and by events, with and without a commit function, and what it meets: claims and dead letters. */
import { deepStrictEqual, ok } from 'node:assert/strict';
import { alterTable, loadSchema } from '../../src/catalog/catalog.ts';
import { applyCommitEvent, openCommitApplier } from '../../src/flow/group-commit/commit-event.ts';
import { advanceCheckpoints } from '../../src/flow/ingest/advance-checkpoints.ts';
import { readCheckpoint, startAbove } from '../../src/flow/ingest/checkpoint.ts';
import { readDeadLetterList } from '../../src/flow/ingest/dead-letter-list.ts';
import { readDeadLetters } from '../../src/flow/ingest/dead-letters.ts';
import { ingestEvent, openEventIngest } from '../../src/flow/ingest/ingest-event.ts';
import { IngestWorker } from '../../src/flow/ingest/ingest-worker.ts';
import { recordFields } from '../../src/flow/record-columns.ts';
import { replayDeadLetters } from '../../src/flow/replay/replay-dead-letters.ts';
import { appendRequest, requestProducerId } from '../../src/flow/request-producer.ts';
import { append, testProducer } from '../../src/flow/testing.ts';
import type { TableSchema } from '../../src/format/table-schema.ts';
import type { LogStore } from '../../src/storage/log-store.ts';
import { tableIdKey } from '../../src/table/schemas.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { lengthMax } from '../../src/types/data-type.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { keyPlaces } from '../hash-index-fixture.ts';
import {
  accountedCounters,
  cleanedUp,
  type Draft,
  identifier,
  makeTable,
  openLakeTable,
  rowsNamed,
  rowsOf,
  stateOf,
  wholeTable,
} from './lake-table.ts';
import type { Scenario } from './scenario.ts';
import { type LakeProcess, newWorld, splitShard, type World } from './world.ts';

export async function drain(parts: Pick<LakeProcess, 'store' | 'log' | 'clock' | 'random'>): Promise<void> {
  await using worker = new IngestWorker(parts);
  await worker.drain();
}

/** Rows that are in the table already, and rows that are only in the log. */
async function worldWithLog(draft: Draft, words: readonly string[] = ['a', 'b', 'c']): Promise<World> {
  const world = newWorld();
  const schema = await makeTable(world, draft);
  const producer = testProducer(world, schema, 'd.t');
  await append(producer, schema, rowsNamed('old', 0, 12));
  await drain(world);
  world.clock.advance(1_000);
  for (const word of words) await append(producer, schema, rowsNamed(word, 6, 18));
  if (draft.keepsRows !== true) await append(producer, schema, rowsNamed('c', 8, 10), 3);
  return world;
}

const dynamic: Draft = { options: { bucket: '-1', 'dynamic-bucket.target-row-num': '5' } };

/** Records of parents and of their children, and of a child of a child; the table has some of the first parents' only. */
async function worldWithSplits(): Promise<World> {
  const world = newWorld();
  const schema = await makeTable(world, { keepsRows: true });
  const producer = testProducer(world, schema, 'd.t');
  await append(producer, schema, rowsNamed('old', 0, 8));
  await drain(world);
  for (const [round, word] of ['a', 'b', 'c'].entries()) {
    await append(producer, schema, rowsNamed(word, round * 8, round * 8 + 8));
    const first = (await world.log.describe()).shards.find(shard => !shard.closed);
    if (first !== undefined && round < 2) splitShard(world, first.shardId);
  }
  return world;
}

/** What is acknowledged to the log, and what the log is told is committed everywhere, is in the table. */
async function wholeIngest(world: World): Promise<void> {
  await wholeTable(world);
  const state = await stateOf(world);
  const { incarnation } = await world.log.describe();
  for (const [shardId, position] of acknowledgedPositions(world)) {
    ok((state?.shards.get(shardId)?.position ?? -1n) >= position, `what is acknowledged of ${shardId} is in the table`);
  }
  for (const shardId of await shardIdsOf(world.log)) {
    const checkpoint = (await readCheckpoint(world.store, incarnation, shardId))?.position ?? -1n;
    ok((state?.shards.get(shardId)?.position ?? -1n) >= checkpoint, `the checkpoint of ${shardId} is in the table`);
  }
  await accountedCounters(world);
}

async function ingested(world: World): Promise<unknown> {
  await wholeIngest(world);
  const state = await stateOf(world);
  const contents = {
    rows: await rowsOf(world),
    counters: state?.counters,
    positions: [...(state?.shards ?? [])].map(([shardId, { position, ended }]) => [shardId, position, ended]),
  };
  await cleanedUp(world);
  return contents;
}

async function shardIdsOf(log: LogStore): Promise<readonly string[]> {
  return (await log.describe()).shards.map(({ shardId }) => shardId);
}

/** Keys have one bucket each, whoever died between the index files and the swap. */
async function dynamicIngested(world: World): Promise<unknown> {
  const { faults, bucketCount } = await keyPlaces(await openLakeTable(world));
  deepStrictEqual(faults, []);
  return [bucketCount, await ingested(world)];
}

function workerScenario(operation: string, prepare: () => Promise<World>): Scenario {
  return {
    operation,
    prepare,
    run: drain,
    resume: drain,
    whole: wholeIngest,
    check: ingested,
  };
}

/** Acknowledged by the function to its invoker, which hands out only what comes after it. */
function acknowledgedPositions({ acknowledged }: World): ReadonlyMap<string, bigint> {
  const positions = new Map<string, bigint>();
  for (const what of acknowledged) {
    const [shardId = '', position] = what.split('@');
    if (position !== undefined) positions.set(shardId, BigInt(position));
  }
  return positions;
}

/** Records of a batch that the invoker hands over: few, so that a shard has several batches. */
const batchRecordsMax = 3;
const batchMsMax = 30_000;

/** Hands out every batch that is not acknowledged, in order. @returns whether all is acknowledged then */
async function handOutAll(process: LakeProcess, commitLog: LogStore | undefined): Promise<boolean> {
  const { world } = process;
  await using ingest = openEventIngest({ ...process, commitLog });
  for (const shardId of await shardIdsOf(world.log)) {
    for (;;) {
      const from = startAbove(acknowledgedPositions(world).get(shardId));
      const { records: envelopes } = await world.log.read(shardId, from, { recordsMax: batchRecordsMax });
      const last = envelopes.at(-1);
      if (last === undefined) break;
      const deadlineMs = process.clock.monotonicMs() + batchMsMax;
      const { heldAt } = await ingestEvent(ingest, { shardId, envelopes, deadlineMs });
      if (heldAt !== undefined) return false;
      process.acknowledge(`${shardId}@${last.position}`);
      // The dead hear of no further batch.
      if (!world.acknowledged.has(`${shardId}@${last.position}`)) return false;
    }
  }
  return true;
}

async function handOutRest(process: LakeProcess, commitLog?: LogStore): Promise<void> {
  ok(await handOutAll(process, commitLog), 'all is acknowledged when nothing disturbs it');
}

function eventScenario(operation: string, prepare: () => Promise<World>): Scenario {
  return {
    operation,
    prepare,
    run: async process => void (await handOutAll(process, undefined)),
    resume: process => handOutRest(process),
    whole: wholeIngest,
    check: ingested,
  };
}

/** A commit log whose commit function reads all of it again, old messages too, as soon as something was appended. */
function followedCommitLog({ commitLog, world }: LakeProcess): LogStore {
  return {
    ...commitLog,
    async append(records, options) {
      try {
        return await commitLog.append(records, options);
      } finally {
        await applyAll(world, world.commitLog);
      }
    },
  };
}

async function applyAll(parts: Pick<LakeProcess, 'store' | 'clock' | 'random'>, commitLog: LogStore): Promise<boolean> {
  await using applier = openCommitApplier(parts);
  for (const shardId of await shardIdsOf(commitLog)) {
    const { records: envelopes } = await commitLog.read(shardId, { kind: 'earliest' });
    if ((await applyCommitEvent(applier, { shardId, envelopes })).heldAt !== undefined) return false;
  }
  return true;
}

const groupCommitSender: Scenario = {
  operation: 'group commit, the sender',
  prepare: () => worldWithLog({ keepsRows: true }),
  run: async process => void (await handOutAll(process, followedCommitLog(process))),
  resume: process => handOutRest(process, followedCommitLog(process)),
  whole: wholeIngest,
  check: ingested,
};

const groupCommitApplier: Scenario = {
  operation: 'group commit, the commit function',
  async prepare() {
    const world = await worldWithLog({ keepsRows: true });
    await using ingest = openEventIngest(world);
    // Nobody commits, so each sender leaves messages and gives up.
    for (const shardId of await shardIdsOf(world.log)) {
      const { records: envelopes } = await world.log.read(shardId, { kind: 'earliest' });
      await ingestEvent(ingest, { shardId, envelopes, deadlineMs: world.clock.monotonicMs() + 4_000 });
    }
    return world;
  },
  async run(process) {
    if (await applyAll(process, process.commitLog)) process.acknowledge('messages');
  },
  async resume(process) {
    if (!process.world.acknowledged.has('messages')) ok(await applyAll(process, process.commitLog));
    await handOutRest(process, followedCommitLog(process));
  },
  whole: wholeIngest,
  check: ingested,
};

/** A row without what must be there, and a record hashed over another number of buckets, among rows that fit. */
const deadLetters: Scenario = {
  operation: 'ingest of dead letters',
  async prepare() {
    const world = newWorld();
    const schema = await makeTable(world);
    const loose = { ...schema, fields: schema.fields.map(f => ({ ...f, type: { ...f.type, nullable: true } })) };
    const otherwise: TableSchema = { ...schema, options: { ...schema.options, bucket: '3' } };
    const misfit: Scalar[] = [100n, 'no number', null];
    for (const round of [1, 2]) {
      const producer = testProducer(world, loose, 'd.t');
      await append(producer, loose, [...rowsNamed('fits', 0, 5 * round), misfit]);
      await append(testProducer(world, otherwise, 'd.t'), otherwise, rowsNamed('elsewhere', 50, 52));
      if (round === 1) await drain(world);
    }
    return world;
  },
  run: drain,
  resume: drain,
  whole: wholeIngest,
  async check(world) {
    const table = await openLakeTable(world);
    const letters: unknown[] = [];
    const list = (await stateOf(world))?.deadLetters;
    ok(list !== undefined, 'there are dead letters');
    for await (const { reason, position, rows } of readDeadLetters(table, list)) letters.push([reason, position, rows]);
    return [letters, await ingested(world)];
  },
};

/** Dead letters that fit by now, and one that never will; whoever replays them dies anywhere, or whoever ingests them. */
const replayedLetters: Scenario = {
  operation: 'replay of dead letters',
  async prepare() {
    const world = newWorld();
    const schema = await makeTable(world, { keepsRows: true });
    const loose = { ...schema, fields: schema.fields.map(f => ({ ...f, type: { ...f.type, nullable: true } })) };
    const otherwise: TableSchema = { ...schema, options: { ...schema.options, bucket: '3' } };
    const misfits: Scalar[][] = [
      [100n, 'no number', null],
      [null, 'no key', 1],
    ];
    await append(testProducer(world, loose, 'd.t'), loose, [...rowsNamed('fits', 0, 4), ...misfits]);
    await append(testProducer(world, otherwise, 'd.t'), otherwise, rowsNamed('elsewhere', 50, 54));
    await drain(world);
    await alterTable(world, identifier, [{ kind: 'change-nullability', name: 'n', nullable: true }]);
    return world;
  },
  run: replayAndDrain,
  async resume(process) {
    await replayAndDrain(process);
    await replayAndDrain(process);
  },
  whole: wholeIngest,
  async check(world) {
    const state = await stateOf(world);
    const { files, replays } = await readDeadLetterList(await openLakeTable(world), state?.deadLetters);
    deepStrictEqual(replays, [], 'no replay is left under way');
    const rows = await rowsOf(world);
    await wholeIngest(world);
    await cleanedUp(world);
    // How often records went to the log depends on who died, what came of them does not.
    const { rowsIn = 0n, duplicates = 0n, written, deadLettered, replayed } = state?.counters ?? {};
    return [rows, files.map(({ rowCount }) => rowCount), rowsIn - duplicates, written, deadLettered, replayed];
  },
  diesTwice: true,
};

/** A replay that hears of nobody who ingests; then somebody does, then it ends. */
async function replayAndDrain(process: LakeProcess): Promise<void> {
  const table = await openLakeTable(process);
  await replayDeadLetters(process, table, { waitMs: 0 });
  await drain(process);
  await replayDeadLetters(process, table, { waitMs: 0 });
}

/** A schema that changes while its records are in the log: some of the old, some of the new. */
const changedSchema: Scenario = {
  operation: 'ingest across a changed schema',
  async prepare() {
    const world = await worldWithLog({ keepsRows: true });
    await alterTable(world, identifier, [{ kind: 'rename-column', name: 'v', newName: 'w' }]);
    const schema = await loadSchema(world, identifier);
    await append(testProducer(world, schema, 'd.t'), schema, rowsNamed('renamed', 30, 36));
    return world;
  },
  run: drain,
  resume: drain,
  whole: wholeIngest,
  check: ingested,
};

/** Records that bring a column which the table adopts: its schema is written, then their rows, by whoever comes that far. */
const adoptedColumns: Scenario = {
  operation: 'ingest that adopts a column',
  async prepare() {
    const world = newWorld();
    const schema = await makeTable(world, { keepsRows: true, options: { 'schema.evolution': 'adopt' } });
    await append(testProducer(world, schema, 'd.t'), schema, rowsNamed('old', 0, 4));
    const columns = [{ name: 'city', type: { kind: 'varchar', length: lengthMax, nullable: true } } as const];
    const batch = buildBatch(
      { fields: recordFields(schema, schema, { columns }) },
      rowsNamed('wider', 10, 16).map(row => [...row, 'Bonn']),
    );
    const table = { tableId: schema.extra[tableIdKey] ?? '', tableName: 'd.t', schema };
    const request = { producerId: requestProducerId('sender'), isNamed: true, number: 1, columns };
    await appendRequest(world, table, { ...request, rows: batch, kinds: new Int8Array(batch.rowCount) }, undefined);
    return world;
  },
  run: drain,
  resume: drain,
  whole: wholeIngest,
  async check(world) {
    const { id, fields } = await loadSchema(world, identifier);
    return [id, fields.map(({ name }) => name), await ingested(world)];
  },
  diesTwice: true,
};

/** Of each shard the table has two batches of three, and the checkpoint is at the first. */
const checkpoints: Scenario = {
  operation: 'advance checkpoints',
  async prepare() {
    const world = await worldWithLog({ keepsRows: true });
    await using ingest = openEventIngest(world);
    for (const shardId of await shardIdsOf(world.log)) {
      const { records } = await world.log.read(shardId, { kind: 'earliest' });
      for (const end of [1, records.length - 1]) {
        const deadlineMs = world.clock.monotonicMs() + batchMsMax;
        await ingestEvent(ingest, { shardId, envelopes: records.slice(0, end), deadlineMs });
      }
    }
    world.clock.advance(3_600_000);
    return world;
  },
  run: async process => void (await advanceCheckpoints(process)),
  async resume(process) {
    await advanceCheckpoints(process);
    await drain(process);
  },
  whole: wholeIngest,
  check: ingested,
};

export const ingestScenarios: readonly Scenario[] = [
  { ...workerScenario('ingest', () => worldWithLog({ keepsRows: true })), diesTwice: true },
  workerScenario('ingest that merges rows', () => worldWithLog({})),
  workerScenario('ingest across splits of shards', worldWithSplits),
  { ...workerScenario('ingest into dynamic buckets', () => worldWithLog(dynamic)), check: dynamicIngested },
  // Of one word there are as many records as there are lanes, and batches enough.
  {
    ...eventScenario('ingest by events into dynamic buckets', () => worldWithLog(dynamic, ['a'])),
    check: dynamicIngested,
  },
  eventScenario('ingest by events', () => worldWithLog({ keepsRows: true })),
  eventScenario('ingest by events that merges rows', () => worldWithLog({})),
  eventScenario('ingest by events across splits of shards', worldWithSplits),
  groupCommitSender,
  groupCommitApplier,
  deadLetters,
  replayedLetters,
  adoptedColumns,
  changedSchema,
  checkpoints,
];
