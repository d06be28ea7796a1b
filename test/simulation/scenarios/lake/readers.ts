/** Those who read a lake while it goes on: scans of snapshots, union reads, subscribers. */
import { isLakeError } from '../../../../src/base/errors.ts';
import { readDeadLetterList } from '../../../../src/flow/ingest/dead-letter-list.ts';
import { stateOfHead } from '../../../../src/flow/ingest/load-state.ts';
import type { IngestState, ShardState } from '../../../../src/flow/ingest/state.ts';
import { subscribe } from '../../../../src/flow/read/subscribe.ts';
import { unionRead } from '../../../../src/flow/read/union-read.ts';
import type { LogStore } from '../../../../src/storage/log-store.ts';
import { isOurs } from '../../../../src/table/commit/properties.ts';
import { readPlan } from '../../../../src/table/read/read-split.ts';
import { planScan } from '../../../../src/table/scan/plan-scan.ts';
import { latestSnapshot, listSnapshots } from '../../../../src/table/snapshots.ts';
import type { Table } from '../../../../src/table/table.ts';
import { rowsOf } from '../../../../src/types/column-reader.ts';
import type { Predicate } from '../../../../src/types/predicate.ts';
import type { RowBatch } from '../../../../src/types/row-batch.ts';
import type { SimProcess } from '../../process.ts';
import { keptName, keyedName, type LakeBench, tableNames } from './bench.ts';
import { type Change, mayBeSeen, valueAt } from './log-model.ts';

const columns: readonly string[] = ['k', 'n'];

export function reader(bench: LakeBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const opened = new Map<string, OpenedTable>();
    while (!bench.isStopped) {
      await bench.pause(process, 4);
      // Nobody ingests any more, so a log that forgets may have a gap.
      if (bench.isStopped) return;
      for (const tableName of tableNames) {
        try {
          if (process.random.next() < 0.5) await readUnion(bench, process, tableName, opened);
          else await readSnapshots(bench, process, tableName);
        } catch (error) {
          if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
          bench.count('read expired');
        }
      }
    }
  });
}

/** The rows of a snapshot are those of the records at or below its positions. */
async function readSnapshots(bench: LakeBench, process: SimProcess, tableName: string): Promise<void> {
  const table = await bench.open(process, tableName);
  const snapshots = await listSnapshots(table);
  const isHead = process.random.next() < 0.5;
  const at = isHead ? snapshots.length - 1 : Math.floor(process.random.next() * snapshots.length);
  const snapshot = snapshots[at];
  if (snapshot === undefined) return;
  const rows = await rowsIn(readPlan(table, await planScan(table, snapshot), { columns }));
  const state = await stateOfHead(table, snapshot);
  // Of a snapshot of another engine whose forerunner of ours has expired nobody knows what it holds.
  if (state === undefined && !isOurs(snapshot.properties)) return;
  bench.model.catchUp();
  const isTaken = isTakenIn(state, bench.settings.retentionMs);
  const where = `${tableName} at snapshot ${snapshot.id}`;
  checkRows(bench, tableName, rows, { where, seen: history => new Set([valueAt(history, isTaken)]) });
  bench.count('scans');
}

/** A shard without an entry was never begun, or all of it came in and the log has forgotten it since (I1). */
function isTakenIn(
  state: IngestState | undefined,
  retentionMs = Number.POSITIVE_INFINITY,
): (change: Change) => boolean {
  const shards = state?.shards ?? new Map<string, ShardState>();
  const newestMs = Math.max(...[...shards.values()].map(({ arrivalMs }) => arrivalMs));
  return ({ shardId, position, arrivalMs }) => {
    const shard = shards.get(shardId);
    return shard === undefined ? newestMs - arrivalMs > retentionMs : position <= shard.position;
  };
}

/** A table as a reader has it, who knows what it found out before. */
type OpenedTable = { readonly table: Table; readonly log: LogStore };

const openAnewShare = 0.2;
const ofKeyShare = 0.5;

async function openedTable(
  bench: LakeBench,
  process: SimProcess,
  tableName: string,
  opened: Map<string, OpenedTable>,
): Promise<OpenedTable> {
  const known = process.random.next() < openAnewShare ? undefined : opened.get(tableName);
  const found = known ?? { table: await bench.open(process, tableName), log: bench.logStore(process) };
  opened.set(tableName, found);
  return found;
}

/** Whatever the log had when the read began is seen, and nothing that it did not have when the read ended. */
export async function readUnion(
  bench: LakeBench,
  process: SimProcess,
  tableName: string,
  opened: Map<string, OpenedTable> = new Map(),
): Promise<void> {
  const { table, log } = await openedTable(bench, process, tableName, opened);
  const parts = { ...bench.world.parts(process), log };
  const from = bench.model.catchUp();
  const keys = [...bench.model.table(tableName).histories.keys()];
  const key = process.random.next() < ofKeyShare ? keys[Math.floor(process.random.next() * keys.length)] : undefined;
  const predicate: Predicate | undefined =
    key === undefined ? undefined : { kind: 'compare', op: '=', column: 'k', value: BigInt(key) };
  const rows = await rowsIn(unionRead(parts, table, { columns, predicate }));
  const to = bench.model.catchUp();
  const where = `union read of ${tableName}${key === undefined ? '' : `, key ${key}`}`;
  const seen: Expectation['seen'] = history => mayBeSeen(history, from, to);
  if (key === undefined) checkRows(bench, tableName, rows, { where, seen });
  else checkRow(bench, rows, { where, seen, key, history: bench.model.table(tableName).histories.get(key) ?? [] });
  bench.count('union reads');
}

function checkRow(
  { world }: LakeBench,
  rows: readonly (readonly [number, number])[],
  { where, seen, key, history }: Expectation & { readonly key: number; readonly history: readonly Change[] },
): void {
  world.check(rows.every(([k]) => k === key) && rows.length <= 1, () => `${where}: ${rows.length} rows`);
  const value = rows[0]?.[1];
  world.check(
    seen(history).has(value),
    () => `${where}: ${value ?? 'absent'}, expected ${[...seen(history)].join(', ')}`,
  );
}

export type Rows = ReadonlyMap<number, number>;

export async function rowsIn(batches: AsyncIterable<RowBatch>): Promise<readonly (readonly [number, number])[]> {
  const rows: [number, number][] = [];
  for await (const batch of batches) for (const [k, n] of rowsOf(batch)) rows.push([Number(k), Number(n)]);
  return rows;
}

type Expectation = {
  readonly where: string;
  /** What may stand at a key; undefined among it: the key may be absent. */
  readonly seen: (history: readonly Change[]) => ReadonlySet<number | undefined>;
};

function checkRows(
  bench: LakeBench,
  tableName: string,
  rows: readonly (readonly [number, number])[],
  { where, seen }: Expectation,
): void {
  const { world, model } = bench;
  const byKey = new Map(rows);
  world.check(byKey.size === rows.length, () => `${where}: ${rows.length - byKey.size} keys come twice`);
  const { histories } = model.table(tableName);
  for (const [key, history] of histories) {
    const value = byKey.get(key);
    world.check(
      seen(history).has(value),
      () => `${where}: key ${key} is ${value ?? 'absent'}, expected one of ${[...seen(history)].join(', ')}`,
    );
  }
  for (const key of byKey.keys()) world.check(histories.has(key), () => `${where}: nobody wrote key ${key}`);
}

/** What a subscriber has made of its changes. */
export class Subscriber {
  readonly #bench: LakeBench;
  readonly #tableName: string;
  #rows = new Map<number, number>();
  #isStopped = new AbortController();

  constructor(bench: LakeBench, tableName: string) {
    this.#bench = bench;
    this.#tableName = tableName;
  }

  run(): Promise<void> {
    const { world } = this.#bench;
    return world.supervise(`subscriber-${this.#tableName}`, async process => {
      // A subscription has no token yet to go on with: after a crash it begins with the full table.
      this.#rows = new Map();
      const table = await this.#bench.open(process, this.#tableName);
      try {
        await this.#follow(process, table);
      } catch (error) {
        // It began on a snapshot that went away while it was read.
        if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
        await process.clock.sleep(1_000);
        await this.#follow(process, await this.#bench.open(process, this.#tableName));
      }
    });
  }

  stop(): void {
    this.#isStopped.abort();
  }

  get who(): string {
    return `a subscriber of ${this.#tableName}`;
  }

  /** Whether it has what the log has. */
  get isUpToDate(): boolean {
    const { model } = this.#bench;
    model.catchUp();
    const { histories } = model.table(this.#tableName);
    return [...histories].every(([key, history]) => this.#rows.get(key) === history.at(-1)?.value);
  }

  async #follow(process: SimProcess, table: Table): Promise<void> {
    const parts = { ...this.#bench.world.parts(process), log: this.#bench.logStore(process) };
    this.#rows = new Map();
    for await (const { rows, kinds } of subscribe(parts, table, { from: { kind: 'full' } }, this.#isStopped.signal)) {
      if (!process.isAlive) return;
      const names = rows.rowType.fields.map(({ name }) => name);
      const [keyAt, valueAtColumn] = [names.indexOf('k'), names.indexOf('n')];
      for (const [at, row] of rowsOf(rows).entries()) {
        this.#apply(Number(row[keyAt]), Number(row[valueAtColumn]), kinds[at] ?? 0);
      }
    }
  }

  #apply(key: number, value: number, kind: number): void {
    const { world } = this.#bench;
    const isDelete = kind === 3;
    if (this.#tableName === keptName) {
      world.check(!this.#rows.has(key), () => `a subscriber of ${keptName} got ${key} twice`);
    }
    if (this.#tableName === keyedName) this.#checkOrder(key, isDelete ? undefined : value);
    if (isDelete) this.#rows.delete(key);
    else this.#rows.set(key, value);
    this.#bench.count('subscribed changes');
  }

  /** A key's changes come in the log's order: each is later in its history than what the subscriber has. */
  #checkOrder(key: number, value: number | undefined): void {
    const { world, model } = this.#bench;
    model.catchUp();
    const history = model.table(keyedName).histories.get(key) ?? [];
    const has = this.#rows.get(key);
    const hasAt = has === undefined ? -1 : history.findIndex(change => change.value === has);
    const comesAt = history.findLastIndex(change => change.value === value);
    world.check(comesAt > hasAt, () => `a subscriber of ${keyedName} got ${key} = ${value ?? 'deleted'} after ${has}`);
  }
}

/** Everything is in the table, and the table is what the log says. */
export async function checkTable(bench: LakeBench, tableName: string): Promise<boolean> {
  const table = await bench.openRaw(tableName);
  const snapshot = await latestSnapshot(table);
  bench.model.catchUp();
  if (snapshot === undefined) return bench.model.table(tableName).histories.size === 0;
  const state = await stateOfHead(table, snapshot);
  const rows = new Map(await rowsIn(readPlan(table, await planScan(table, snapshot), { columns })));
  const { histories, rowCount, deadRows } = bench.model.table(tableName);
  const isComplete = [...histories].every(([key, history]) => rows.get(key) === history.at(-1)?.value);
  // What was spread over another number of buckets comes in by replays, which end.
  const displaced = bench.displacedKeys(tableName);
  if (!isComplete || !displaced.every(key => rows.has(key))) return false;
  const { replays } = await readDeadLetterList(table, state?.deadLetters);
  if (replays.length > 0) return false;
  const counters = state?.counters;
  bench.world.check(counters !== undefined, () => `${tableName} has no ingest state`);
  const {
    rowsIn: taken = 0n,
    written = 0n,
    mergedAway = 0n,
    deadLettered = 0n,
    duplicates = 0n,
    gaps = 0n,
    replayed = 0n,
  } = counters ?? {};
  const unique = taken - duplicates;
  // Rows that the table cannot take are not seen in it.
  if (unique < BigInt(rowCount)) return false;
  const all = written + mergedAway + deadLettered + duplicates;
  bench.world.check(taken === all, () => `${tableName}: ${taken} rows in, ${all} accounted for`);
  bench.world.check(
    deadLettered === BigInt(deadRows) && gaps === 0n,
    () => `${tableName}: ${deadLettered} dead letters of ${deadRows}, ${gaps} gaps`,
  );
  const brought = displaced.length;
  bench.world.check(
    replayed >= BigInt(brought) && replayed <= deadLettered,
    () => `${tableName}: ${replayed} rows replayed, of ${brought} that were acknowledged and fit`,
  );
  bench.world.check(unique === BigInt(rowCount), () => `${tableName}: ${unique} rows taken of ${rowCount}`);
  return true;
}
