/** An invoker of our own, for the tests of ingest by events: it hands out batches as the event source of a stream does. */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { dropMarkOf } from '../catalog/drop-marker.ts';
import type { TableDefinition } from '../catalog/table-definition.ts';
import { batchCommitIdentifier } from '../format/snapshot.ts';
import type { LogRecordEnvelope, LogStart } from '../storage/log-store.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { Committer } from '../table/commit/commit.ts';
import { droppedProperty } from '../table/commit/properties.ts';
import { commitPlan } from '../table/commit/request.ts';
import { readPlan } from '../table/read/read-split.ts';
import { planScan } from '../table/scan/plan-scan.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import type { Scalar } from '../types/scalar.ts';
import {
  applyCommitEvent,
  type CommitApplier,
  type CommitBatchResult,
  openCommitApplier,
} from './group-commit/commit-event.ts';
import { type EventIngest, type EventResult, ingestEvent } from './ingest/ingest-event.ts';
import { stateOfHead } from './ingest/load-state.ts';
import type { IngestState } from './ingest/state.ts';
import type { RegistryParts } from './table-registry.ts';
import { collect, openTestTable, type TestWorld, testDefinition, testWorld } from './testing.ts';

/** Rows are kept as they come, so one that came twice shows. */
export const keepingDefinition: TableDefinition = {
  ...testDefinition,
  primaryKeys: [],
  options: { bucket: '16', 'bucket-key': 'k' },
};

export function eventWorld(settings: {
  readonly shardCount: number;
  readonly seed?: number;
  readonly nowMs?: () => number;
  readonly retentionMs?: number;
}): TestWorld {
  const world = testWorld(settings.seed);
  const clock = { ...world.clock, nowMs: settings.nowMs ?? world.clock.nowMs };
  const { shardCount, retentionMs } = settings;
  return { ...world, log: new MemoryLogStore({ name: 'events', shardCount, retentionMs }, { ...world, clock }) };
}

/** How far each shard of a log is acknowledged, and what follows. */
export class EventSource {
  readonly #log: MemoryLogStore;
  readonly #acknowledged = new Map<string, bigint>();
  readonly #ended = new Set<string>();

  constructor(log: MemoryLogStore) {
    this.#log = log;
  }

  /** Shards that have something to hand out: parents to their end before their children. */
  async readyShards(): Promise<readonly string[]> {
    const { shards } = await this.#log.describe();
    const ready: string[] = [];
    for (const { shardId, parentIds } of shards) {
      const result = await this.#log.read(shardId, this.#next(shardId), { recordsMax: 1 });
      if (result.ended && result.records.length === 0) this.#ended.add(shardId);
      else if (result.records.length > 0 && parentIds.every(id => this.#ended.has(id))) ready.push(shardId);
    }
    return ready;
  }

  async batch(shardId: string, recordsMax = 1_000): Promise<readonly LogRecordEnvelope[]> {
    return (await this.#log.read(shardId, this.#next(shardId), { recordsMax })).records;
  }

  /** What an answer of ingest acknowledges. */
  acknowledge(shardId: string, envelopes: readonly LogRecordEnvelope[], { heldAt }: EventResult): void {
    const done = envelopes.filter(({ position }) => heldAt === undefined || position < heldAt).at(-1);
    if (done !== undefined) this.#acknowledged.set(shardId, done.position);
  }

  /** Hands out everything there is, until all of it is acknowledged. */
  async drain(ingest: EventIngest, recordsMax = 1_000): Promise<void> {
    for (;;) {
      const ready = await this.readyShards();
      if (ready.length === 0) return;
      for (const shardId of ready) {
        const envelopes = await this.batch(shardId, recordsMax);
        this.acknowledge(shardId, envelopes, await handOver(ingest, shardId, envelopes));
      }
    }
  }

  #next(shardId: string): LogStart {
    const position = this.#acknowledged.get(shardId);
    return position === undefined ? { kind: 'earliest' } : { kind: 'after', position };
  }
}

export function handOver(
  ingest: EventIngest,
  shardId: string,
  envelopes: readonly LogRecordEnvelope[],
  options: { readonly forMs?: number; readonly signal?: AbortSignal } = {},
): Promise<EventResult> {
  const deadlineMs = ingest.clock.monotonicMs() + (options.forMs ?? 30_000);
  return ingestEvent(ingest, { shardId, envelopes, deadlineMs, signal: options.signal });
}

export type TableContent = {
  /** By their first column. */
  readonly rows: readonly Scalar[][];
  readonly state: IngestState | undefined;
  readonly snapshotId: number;
  /** What the counters say is missing: rows in that are neither written, merged away, dead letters nor duplicates. */
  readonly unaccounted: bigint | undefined;
};

export async function contentOf(w: TestWorld, opened?: Table): Promise<TableContent> {
  const table = opened ?? (await openTestTable(w));
  const snapshot = await latestSnapshot(table);
  const rows = await collect(readPlan(table, await planScan(table, snapshot)));
  const state = await stateOfHead(table, snapshot);
  const c = state?.counters;
  const unaccounted = c && c.rowsIn - c.written - c.mergedAway - c.deadLettered - c.duplicates;
  return { rows, state, snapshotId: snapshot?.id ?? 0, unaccounted };
}

/** The rows `from` to `to` of a test table. */
export function numberedRows(from: number, to: number): Scalar[][] {
  return Array.from({ length: to - from }, (_, index) => [BigInt(from + index), `v${from + index}`, from + index]);
}

/** A commit function of our own that follows its log, and makes an invoker's mistakes by chance. */
export class CommitLoop implements AsyncDisposable {
  readonly #log: MemoryLogStore;
  readonly #applier: CommitApplier;
  readonly #random: Random;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  readonly #mistakes: boolean;
  readonly results: CommitBatchResult[] = [];

  constructor(w: RegistryParts, log: MemoryLogStore, options: { readonly mistakes: boolean }) {
    this.#log = log;
    this.#applier = openCommitApplier(w);
    this.#random = w.random;
    this.#mistakes = options.mistakes;
    this.#done = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.#applier[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const shardId = (await this.#log.describe()).shards[0]?.shardId ?? '';
    let next: LogStart = { kind: 'earliest' };
    const { signal } = this.#stop;
    const seen: LogRecordEnvelope[] = [];
    while (!signal.aborted) {
      const result = await this.#log.read(shardId, next);
      next = result.next;
      seen.push(...result.records);
      if (result.records.length === 0) {
        await this.#log.waitForMore(shardId, next, { waitMsMax: 20, signal }).catch(() => undefined);
        continue;
      }
      const envelopes = this.#mistakes ? this.#spoilt(result.records, seen) : result.records;
      this.results.push(await applyCommitEvent(this.#applier, { shardId, envelopes }));
    }
  }

  /** Some come twice, some come late once more, and the order is another. */
  #spoilt(records: readonly LogRecordEnvelope[], seen: readonly LogRecordEnvelope[]): readonly LogRecordEnvelope[] {
    const late = Array.from({ length: 3 }, () => seen[Math.floor(this.#random.next() * seen.length)]);
    const doubled = records.filter(() => this.#random.next() < 0.3);
    const garbage = { position: 0n, arrivalMs: 0, data: new Uint8Array(64).fill(7) };
    const all = [...records, ...doubled, ...late.filter(record => record !== undefined), garbage];
    return all
      .map(record => ({ record, place: this.#random.next() }))
      .toSorted((a, b) => a.place - b.place)
      .map(({ record }) => record);
  }
}

/** A world whose waits are a hundred times as short. */
export function hurried(w: TestWorld): TestWorld {
  const { clock } = w;
  const quick: Clock = {
    ...clock,
    monotonicMs: () => clock.monotonicMs() * 100,
    sleep: (ms, signal) => clock.sleep(ms / 100, signal),
  };
  return { ...w, clock: quick };
}

/** A drop whose caller died when the table was fenced and its schema was still there. */
export async function halfDrop(w: TestWorld): Promise<void> {
  const table = await openTestTable(w);
  await using committer = new Committer(table);
  await committer.commit({
    commitUser: 'dropper',
    commitIdentifier: batchCommitIdentifier,
    plan: async () =>
      commitPlan({
        kind: 'OVERWRITE',
        schemaId: table.schema.id,
        emptied: true,
        properties: { [droppedProperty]: dropMarkOf(table) },
      }),
  });
}
