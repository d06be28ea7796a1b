/** A world for an ingest worker: two tables, a log, and hooks before what is asked of the two. */
import { type Random, seededRandom } from '../src/base/random.ts';
import {
  type CycleResult,
  type IngestParts,
  type IngestSettings,
  IngestWorker,
} from '../src/flow/ingest/ingest-worker.ts';
import { loadState } from '../src/flow/ingest/load-state.ts';
import type { IngestState } from '../src/flow/ingest/state.ts';
import type { TableSchema } from '../src/format/table-schema.ts';
import type { LogStore } from '../src/storage/log-store.ts';
import { MemoryLogStore } from '../src/storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../src/storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { latestSnapshot } from '../src/table/snapshots.ts';
import { openTable } from '../src/table/table.ts';
import { changedLog, changedStore } from './changed-ports.ts';
import { type RecordDraft, recordOf } from './record-fixture.ts';
import { fixtureSchema, ManualClock, putSchema } from './table-fixture.ts';

type LogSettings = { readonly shardCount?: number; readonly retentionMs?: number };

/** Tables `d.t` and `d.u` and a log, with hooks before what is asked of the two. */
export async function newWorld(logSettings: LogSettings = {}): Promise<World> {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const memory = new MemoryObjectStore('memory:worker', clock);
  const log = new MemoryLogStore({ name: 'worker', shardCount: 1, ...logSettings }, { clock, random });
  const hooks = { beforeSwap: async (_key: string): Promise<void> => {}, beforeWait: async (): Promise<void> => {} };
  const asked: string[] = [];
  const count = (what: string): number => asked.filter(name => name.startsWith(what)).length;
  const store = changedStore<ObjectStore>(memory, {
    put: async (key, bytes, options) => {
      asked.push(`put ${key}`);
      return memory.put(key, bytes, options);
    },
    putIfAbsent: async (key, bytes, options) => {
      try {
        if (key.includes('/snapshot/')) await hooks.beforeSwap(key);
      } catch (cause) {
        return { status: 'unanswered', cause };
      }
      return memory.putIfAbsent(key, bytes, options);
    },
  });
  const watched = changedLog<LogStore>(log, {
    describe: async options => {
      asked.push('describe');
      return log.describe(options);
    },
    read: async (shardId, from, options) => {
      const place = from.kind === 'after' ? `${from.position}` : from.kind;
      asked.push(`read ${shardId} ${place} ${options?.bytesMax}`);
      return log.read(shardId, from, { ...options, recordsMax: 1 });
    },
    waitForMore: async (shardId, from, options) => {
      asked.push(`wait ${options.waitMsMax}`);
      await hooks.beforeWait();
      return log.waitForMore(shardId, from, options);
    },
  });
  const schema = fixtureSchema();
  await putSchema(memory, schema);
  await putSchema(memory, fixtureSchema({ tableId: 'table-2' }), 'd.db/u');
  const parts = { store, log: watched, clock, random };
  const [{ shardId } = { shardId: '' }] = (await log.describe()).shards;
  return { clock, random, memory, log, hooks, asked, count, schema, parts, shardId };
}

export type World = {
  readonly clock: ManualClock;
  readonly random: Random;
  readonly memory: MemoryObjectStore;
  readonly log: MemoryLogStore;
  readonly hooks: { beforeSwap: (key: string) => Promise<void>; beforeWait: () => Promise<void> };
  /** What was asked of the log, and what was put. */
  readonly asked: string[];
  readonly count: (what: string) => number;
  readonly schema: TableSchema;
  readonly parts: IngestParts;
  readonly shardId: string;
};

/** Appends records of one row each, numbered from a first one on. */
export async function append(
  world: World,
  keys: readonly number[],
  draft: RecordDraft & { readonly hashKey?: bigint } = {},
): Promise<void> {
  const { hashKey = 0n, ...changes } = draft;
  for (const key of keys) {
    const { data } = recordOf(world.schema, [[key, 10, 'x']], { producerNumber: key, ...changes });
    await world.log.append([{ hashKey, data }]);
  }
}

export function workerOf({ parts }: World, settings: Partial<IngestSettings> = {}): IngestWorker {
  return new IngestWorker(parts, settings);
}

export async function stateOf(
  { memory, clock, random }: World,
  name = 't',
): Promise<{ readonly id: number; readonly commitUser: string | undefined; readonly state: IngestState | undefined }> {
  const table = await openTable(memory, { database: 'd', name }, { clock, random });
  const snapshot = await latestSnapshot(table);
  const state = snapshot && (await loadState(table, snapshot.properties));
  return { id: snapshot?.id ?? 0, commitUser: snapshot?.commitUser, state };
}

export const quick: { readonly waits: boolean } = { waits: false };
export const quiet: CycleResult = {
  events: [],
  isIdle: true,
  isAtTip: true,
  blocked: [],
  droppedTableRows: 0,
  unreadableRecords: 0,
  lostShards: [],
};
export const ofOther = { tableId: 'table-2', tableName: 'd.u' };
