/** A world for records that are handed over: table `d.t`, a log of one shard, and a hook before the store is asked. */
import { type Random, seededRandom } from '../src/base/random.ts';
import { KnownShards } from '../src/flow/ingest/known-shards.ts';
import { loadState } from '../src/flow/ingest/load-state.ts';
import { routeRecords } from '../src/flow/ingest/route-records.ts';
import { type IngestCounters, type IngestState, noCounters } from '../src/flow/ingest/state.ts';
import type { RoutedRecord } from '../src/flow/ingest/tail.ts';
import {
  type HandedRecords,
  type TakenRecords,
  type TakeRecordsParts,
  takeRecords,
} from '../src/flow/ingest/take-records.ts';
import { TableRegistry } from '../src/flow/table-registry.ts';
import type { TableSchema } from '../src/format/table-schema.ts';
import { type CountingObjectStore, countingObjectStore } from '../src/storage/counting-object-store.ts';
import type { LogStore } from '../src/storage/log-store.ts';
import { MemoryLogStore } from '../src/storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../src/storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { latestSnapshot } from '../src/table/snapshots.ts';
import { openTable } from '../src/table/table.ts';
import { changedStore } from './changed-ports.ts';
import { type RecordDraft, recordOf } from './record-fixture.ts';
import { type FixtureSettings, fixtureSchema, ManualClock, putSchema } from './table-fixture.ts';

export type TakeWorld = {
  readonly clock: ManualClock;
  readonly random: Random;
  /** Without the hooks. */
  readonly memory: MemoryObjectStore;
  readonly store: CountingObjectStore;
  readonly hooks: { before: (operation: string, key: string) => Promise<void> };
  readonly schema: TableSchema;
  readonly log: MemoryLogStore;
  readonly parts: TakeRecordsParts;
  readonly shardId: string;
};

export async function newTakeWorld(
  settings: FixtureSettings = {},
  logSettings: { readonly retentionMs?: number } = {},
): Promise<TakeWorld> {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const memory = new MemoryObjectStore('memory:take', clock);
  const hooks = { before: async (_operation: string, _key: string): Promise<void> => {} };
  const hooked = changedStore<ObjectStore>(memory, {
    get: async (key, options) => {
      await hooks.before('get', key);
      return memory.get(key, options);
    },
    putIfAbsent: async (key, bytes, options) => {
      try {
        await hooks.before('putIfAbsent', key);
      } catch (cause) {
        return { status: 'unanswered', cause };
      }
      return memory.putIfAbsent(key, bytes, options);
    },
  });
  const store = countingObjectStore(hooked);
  const schema = fixtureSchema(settings);
  await putSchema(memory, schema);
  const log = new MemoryLogStore({ name: 'take', shardCount: 1, ...logSettings }, { clock, random });
  const registry = new TableRegistry({ store, clock, random });
  const shards = new KnownShards({ log, clock });
  const parts = { store, clock, random, log, registry, shards, commitUser: 'ingest', commitLog: undefined };
  const [{ shardId } = { shardId: '' }] = (await log.describe()).shards;
  return { clock, random, memory, store, hooks, schema, log, parts, shardId };
}

/** The same as another process has it, which knows nothing of the table yet. */
export function anotherProcess(world: TakeWorld): TakeWorld {
  return { ...world, parts: { ...world.parts, registry: new TableRegistry(world.parts) } };
}

/** Appends rows to the log, one record each, numbered from a first one on. */
export async function append(
  { log, schema }: Pick<TakeWorld, 'log' | 'schema'>,
  keys: readonly number[],
  draft: RecordDraft = {},
): Promise<void> {
  for (const key of keys) {
    const { data } = recordOf(schema, [[key, 10, 'x']], { producerNumber: key, ...draft });
    await log.append([{ hashKey: 0n, data }]);
  }
}

export async function everything({ log }: Pick<TakeWorld, 'log'>, shardId: string): Promise<readonly RoutedRecord[]> {
  const { records } = await log.read(shardId, { kind: 'earliest' }, { bytesMax: 1 << 30 });
  return routeRecords(shardId, records).byTable.get('table-1') ?? [];
}

export async function handed(world: TakeWorld, changes: Partial<HandedRecords> = {}): Promise<HandedRecords> {
  const shardId = changes.shardId ?? world.shardId;
  const records = changes.records ?? (await everything(world, shardId));
  const last = records.at(-1);
  const through = { position: last?.position ?? 0n, arrivalMs: last?.arrivalMs ?? 0 };
  const deadlineMs = world.clock.monotonicMs() + 60_000;
  return { tableId: 'table-1', shardId, records, through, deadlineMs, signal: undefined, ...changes };
}

export async function take(
  world: TakeWorld,
  changes: Partial<HandedRecords> = {},
  commitLog?: LogStore,
): Promise<TakenRecords> {
  return takeRecords({ ...world.parts, commitLog }, await handed(world, changes));
}

export async function stateOf({
  memory,
  clock,
  random,
}: TakeWorld): Promise<{ readonly id: number; readonly state: IngestState | undefined }> {
  const table = await openTable(memory, { database: 'd', name: 't' }, { clock, random });
  const snapshot = await latestSnapshot(table);
  return { id: snapshot?.id ?? 0, state: snapshot && (await loadState(table, snapshot.properties)) };
}

export const rows = (count: bigint): IngestCounters => ({ ...noCounters, rowsIn: count, written: count });
