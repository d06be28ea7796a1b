/**
 * The union read: a table as of now, its newest snapshot and what the log has beyond it, merged as ingest and compaction
 * would merge them (DESIGN D2, D3).
 */

import type { Snapshot } from '../../format/snapshot.ts';
import { hasDynamicBuckets } from '../../format/table-options.ts';
import { type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import { mergeRuns } from '../../lsm/merge.ts';
import { pickingColumns } from '../../lsm/merge-function.ts';
import { sortAndMerge } from '../../lsm/sort-merge.ts';
import { sortedRuns } from '../../lsm/sorted-runs.ts';
import { noDeletions } from '../../table/index-files.ts';
import { keyComparator } from '../../table/key-comparator.ts';
import { bucketKey } from '../../table/live-files.ts';
import { whileSnapshotStays } from '../../table/manifests.ts';
import { mergeSpec } from '../../table/merge-spec.ts';
import { wantedFields } from '../../table/read/column-mapping.ts';
import type { FileRead } from '../../table/read/read-file.ts';
import { mergedColumns, type ReadOptions, readBatchRowsMax, readRun, readSplit } from '../../table/read/read-split.ts';
import { keyFilter } from '../../table/scan/key-filter.ts';
import { planScan, type ScanPlan } from '../../table/scan/plan-scan.ts';
import { filesOf, type Split } from '../../table/scan/split.ts';
import { isSameSnapshot, newestSnapshot } from '../../table/seen-head.ts';
import type { Table } from '../../table/table.ts';
import { DynamicBuckets } from '../../table/write/dynamic-buckets.ts';
import { inputRows } from '../../table/write/input-rows.ts';
import { type PlacedRows, placeRows } from '../../table/write/place-rows.ts';
import { selectRows } from '../../types/filter.ts';
import type { Predicate } from '../../types/predicate.ts';
import { columnsOf } from '../../types/prune.ts';
import { type KeyValueBatch, projectBatch, type RowBatch } from '../../types/row-batch.ts';
import { stateOfHead } from '../ingest/load-state.ts';
import type { TailRows } from '../ingest/tail.ts';
import { wantedLanes } from '../lanes.ts';
import { forgetTail, KeptTail, keepTail, keptTail } from './kept-tails.ts';
import { LogTail, readCheckpoints, type TailParts } from './log-tail.ts';
import { newestOfKey, tailOfKeys } from './tail-of-keys.ts';

export type UnionReadOptions = ReadOptions & {
  readonly predicate?: Predicate | undefined;
  readonly signal?: AbortSignal | undefined;
};

type UnionState = {
  readonly snapshot: Snapshot | undefined;
  /** Rows that the log has beyond it. */
  readonly tail: readonly TailRows[];
  /** There if it was not put off: what the tail has may do. */
  readonly plan: ScanPlan | undefined;
};

/** Numbers of tail rows begin here: above every row of a snapshot (D3). */
const tailSequenceStart = 1n << 62n;

/** All rows of the table as of now that pass the filter; batches are never empty. */
export async function* unionRead(
  parts: TailParts,
  table: Table,
  options: UnionReadOptions = {},
): AsyncGenerator<RowBatch, void, undefined> {
  const planOf = (snapshot: Snapshot | undefined): Promise<ScanPlan> =>
    planScan(table, snapshot, { predicate: options.predicate, withLevel0: true });
  const state = (await keptState(parts, table, options)) ?? (await newState(parts, table, options, planOf));
  const found = newestOfKey(table, state.tail, options.predicate);
  if (found !== undefined) {
    yield* finished(found, { schema: table.schema, predicate: options.predicate }, options);
    return;
  }
  const plan = state.plan ?? (await planOf(state.snapshot));
  if (table.schema.primaryKeys.length === 0) yield* appended(table, plan, state.tail, options);
  else yield* merged(table, plan, tailOfKeys(table, state.tail, options.predicate), options);
}

/** A key's changes are all in the shards of its lane. */
function lanesOf(table: Table, { predicate }: UnionReadOptions): ReadonlySet<number> | undefined {
  return wantedLanes(table.schema, predicate);
}

/** Out of a tail that an earlier read has kept. Undefined: there is none, or the snapshot below it is the head no more. */
async function keptState({ log }: TailParts, table: Table, options: UnionReadOptions): Promise<UnionState | undefined> {
  const lanes = lanesOf(table, options);
  const kept = keptTail(table, log, lanes);
  if (kept === undefined) return undefined;
  // The two do not depend on one another: the tail goes with the snapshot that it was begun on, if that is still the head.
  const [snapshot, tail] = await Promise.all([newestSnapshot(table), kept.rows().catch(() => undefined)]);
  options.signal?.throwIfAborted();
  const isHead = snapshot !== undefined && isSameSnapshot(snapshot, kept.snapshot);
  if (!isHead || tail === undefined || kept.isTooLong) forgetTail(table, lanes);
  return isHead && tail !== undefined ? { snapshot, tail, plan: undefined } : undefined;
}

/** The newest snapshot, and the log from where it ends. */
async function newState(
  parts: TailParts,
  table: Table,
  options: UnionReadOptions,
  planOf: (snapshot: Snapshot | undefined) => Promise<ScanPlan>,
): Promise<UnionState> {
  const { signal } = options;
  const lanes = lanesOf(table, options);
  // D2: the checkpoints first. One read after the snapshot could be beyond what that snapshot holds.
  const { checkpoints, description } = await readCheckpoints(parts, table, { lanes, signal });
  const snapshot = await newestSnapshot(table);
  const state = await stateOfHead(table, snapshot);
  const log = new LogTail(parts, table, state, checkpoints, { lanes, description });
  // What the log has and which files there are does not depend on one another: neither waits for the other.
  const [{ batches: tail }, plan] = await Promise.all([log.readToTip(signal), planOf(snapshot)]);
  if (snapshot !== undefined) keepTail(table, parts.log, lanes, new KeptTail(snapshot, log, tail));
  return { snapshot, tail, plan };
}

async function* appended(
  table: Table,
  plan: ScanPlan,
  tail: readonly TailRows[],
  options: UnionReadOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  for (const split of plan.splits) yield* readSplit(table, plan, split, options);
  for (const { rows } of tail) yield* finished(rows, plan, options);
}

async function* merged(
  table: Table,
  plan: ScanPlan,
  tail: readonly TailRows[],
  options: UnionReadOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  const places = await tailByPlace(table, plan.snapshot, tail);
  const splits = Map.groupBy(plan.splits, bucketKey);
  for (const [key, group] of splits) {
    const placed = places.get(key);
    if (placed === undefined) for (const split of group) yield* readSplit(table, plan, split, options);
    else yield* mergedBucket(table, plan, group, placed, options);
  }
  for (const [key, placed] of places) if (!splits.has(key)) yield* mergedBucket(table, plan, [], placed, options);
}

/**
 * The tail of each bucket, sorted, each key once. Where buckets are dynamic, a key's is what the hash index of the snapshot
 * says; a key that is not in it has no row in the snapshot to be merged with, so any bucket does.
 */
async function tailByPlace(
  table: Table,
  snapshot: Snapshot | undefined,
  tail: readonly TailRows[],
): Promise<ReadonlyMap<string, PlacedRows & { run: KeyValueBatch }>> {
  const parts: PlacedRows[] = [];
  const dynamic = hasDynamicBuckets(table.schema) ? new DynamicBuckets(table, table.schema, 'base') : undefined;
  const base = { snapshot };
  const stay = <T>(read: () => Promise<T>): Promise<T> =>
    snapshot === undefined ? read() : whileSnapshotStays(table, snapshot, read);
  for (const { rows, kinds } of tail) {
    const taken = inputRows(table.schema, { rows, kinds }, table.label);
    for (const placed of placeRows(table.schema, table.options, taken.rows, taken.kinds)) {
      if (dynamic === undefined) parts.push(placed);
      else parts.push(...(await stay(() => dynamic.place(placed, async () => base))));
    }
  }
  const byPlace = Map.groupBy(parts, ({ place }) => bucketKey(place));
  let next = tailSequenceStart;
  const places = new Map<string, PlacedRows & { run: KeyValueBatch }>();
  for (const [key, group] of byPlace) {
    const batches = group.map(({ rows, kinds }): KeyValueBatch => {
      const sequenceNumbers = new BigInt64Array(rows.rowCount);
      for (let row = 0; row < rows.rowCount; row += 1) {
        sequenceNumbers[row] = next;
        next += 1n;
      }
      return { rows, kinds, sequenceNumbers };
    });
    const spec = mergeSpec(table.schema, { dropDeletes: false });
    const first = group[0];
    if (first !== undefined) places.set(key, { ...first, run: sortAndMerge(batches, spec) });
  }
  return places;
}

async function* mergedBucket(
  table: Table,
  plan: ScanPlan,
  splits: readonly Split[],
  { place, run }: PlacedRows & { run: KeyValueBatch },
  options: UnionReadOptions,
): AsyncGenerator<RowBatch, void, undefined> {
  const { schema, snapshot, predicate } = plan;
  const keyNames = trimmedPrimaryKeys(schema);
  const names = neededColumns(schema, options);
  const spec = mergeSpec(schema, { dropDeletes: true });
  const read: FileRead = {
    schema,
    wanted: { fields: wantedFields(schema, names) },
    earlyColumns: pickingColumns(spec),
    prune: keyFilter(schema, keyNames, predicate),
    isSortedByKey: true,
    batchRowsMax: options.batchRowsMax ?? readBatchRowsMax,
  };
  const from = { ...place, deletions: splits[0]?.deletions ?? noDeletions };
  const files = sortedRuns(splits.flatMap(filesOf), keyComparator(schema));
  const runs: AsyncIterable<KeyValueBatch>[] = files.map(({ files: ofRun }) => readRun(table, from, ofRun, read));
  runs.push(oneBatch({ ...run, rows: projectBatch(run.rows, names) }));
  const batches = mergeRuns(runs, spec, { batchRowsMax: read.batchRowsMax });
  try {
    for (;;) {
      const next = (): ReturnType<typeof batches.next> => batches.next();
      const step = snapshot === undefined ? await next() : await whileSnapshotStays(table, snapshot, next);
      if (step.done === true) return;
      yield* finished(step.value.rows, plan, options);
    }
  } finally {
    await batches.return();
  }
}

async function* oneBatch(batch: KeyValueBatch): AsyncGenerator<KeyValueBatch, void, undefined> {
  if (batch.rows.rowCount > 0) yield batch;
}

function neededColumns(schema: TableSchema, { columns, predicate }: UnionReadOptions): readonly string[] {
  const all = schema.fields.map(field => field.name);
  if (columns === undefined) return all;
  const wanted = predicate === undefined ? columns : [...new Set([...columns, ...columnsOf(predicate)])];
  const needed = new Set(mergedColumns(schema, wanted));
  return all.filter(name => needed.has(name));
}

/** Filtered and projected. */
function* finished(
  rows: RowBatch,
  { schema, predicate }: Pick<ScanPlan, 'schema' | 'predicate'>,
  options: UnionReadOptions,
): Generator<RowBatch> {
  const kept = predicate === undefined ? rows : selectRows(rows, predicate);
  const names = wantedFields(schema, options.columns).map(field => field.name);
  if (kept.rowCount > 0) yield projectBatch(kept, names);
}
