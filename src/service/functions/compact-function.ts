/**
 * The compact function (DESIGN 2.4): a new snapshot is a reason to look whether its table wants compaction, and a schedule
 * looks at all tables, for events that were lost and work that time did not suffice for.
 */
import { isLakeError } from '../../base/errors.ts';
import { eachTable } from '../../catalog/each-table.ts';
import { parseIdentifier, printIdentifier } from '../../catalog/identifier.ts';
import { Committer } from '../../table/commit/commit.ts';
import { type CompactReceipt, compactTable } from '../../table/compact/compact-table.ts';
import { type ManifestCaches, manifestCaches } from '../../table/manifests.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { openTable, type Table } from '../../table/table.ts';
import { bytesPerCore } from '../../table/work-memory.ts';
import { type FunctionParts, type Metered, meteredInvocation, openFunctionParts } from './function-parts.ts';
import { LookedTables } from './looked-tables.ts';
import { type CreatedObject, snapshotIdOf, tableOfSnapshot } from './snapshot-event.ts';
import type { Report } from './telemetry.ts';
import { type InvocationContext, timeLimit } from './time-limit.ts';

export type CompactParts = Omit<FunctionParts, keyof Metered> &
  Metered & {
    readonly caches: ManifestCaches;
    readonly looked: LookedTables;
  };

export type CompactFigures = {
  /** undefined: the object is no snapshot of this warehouse. */
  readonly table: string | undefined;
  readonly end:
    | 'done'
    /** Time was short; the snapshot of what was done is an event of its own, so it goes on by itself. */
    | 'out-of-time'
    /** Others compact the same buckets. */
    | 'given-up'
    /** Not a table, not ours to compact, or not there any more. */
    | 'not-compacted';
  readonly commits: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  /** Buckets that were begun and not done in time. */
  readonly stoppedBuckets: number;
  /** Swaps that another's won. */
  readonly lostSwaps: number;
};

/** What became of each table that a schedule has come to. */
export type CompactAllFigures = {
  readonly tables: readonly CompactFigures[];
  /** Tables for which no time was left. */
  readonly leftTables: number;
  /** Tables that could not be looked at. */
  readonly failures: readonly string[];
};

/** No bucket is begun any more; what is not done when the time to commit begins is given up; the time to answer. */
const margins = { finishMs: 90_000, answerMs: 5_000 };
const stopMargins = { finishMs: 90_000, answerMs: 30_000 };
/** A table without a commit for this long is not waited for: its runs will not become more. */
const idleMs = 3_600_000;
/** Bytes of Parquet files that a compaction surely reads and writes anew in a second of a processor. */
const bytesPerSecondOfCpu = 8 * 1024 * 1024;
/** However little time there is, a bucket of this size is tried. */
const bucketBytesMin = 64 * 1024 * 1024;
/** Rivals that may take the files away before it is left to them. */
const givenUpMax = 3;

type Limits = {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly stop: AbortSignal;
  /** A snapshot to begin looking at. */
  readonly toldId: number | undefined;
  readonly isPatient: boolean;
  /** Of data files that a bucket's compaction may read. */
  readonly bucketBytesMax: number;
};

export async function openCompactFunction(): Promise<CompactParts> {
  const parts = await openFunctionParts('compaction');
  return {
    ...parts,
    caches: manifestCaches(parts.workMemory),
    looked: new LookedTables(),
  };
}

/** Compacts the table of a new snapshot until nothing is left to do or the time is. @throws LakeError of the store */
export async function compactOnSnapshot(
  parts: CompactParts,
  created: CreatedObject,
  context: InvocationContext,
): Promise<CompactFigures> {
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  await using stop = timeLimit(parts.clock, context, stopMargins);
  const name = tableOfSnapshot(parts.settings.warehouse, created);
  const toldId = snapshotIdOf(created);
  if (name === undefined) return { ...nothingDone, table: name, end: 'not-compacted' };
  // The snapshot of a compaction of this container, most often.
  if (parts.looked.isSettled(name, toldId)) return { ...nothingDone, table: name, end: 'done' };
  const bucketBytesMax = bucketBytesIn(parts, context);
  const limits = { ...limit, stop: stop.signal, toldId, isPatient: true, bucketBytesMax };
  return await compactNamed(parts, name, limits, context);
}

const nothingDone = { commits: 0, filesBefore: 0, filesAfter: 0, stoppedBuckets: 0, lostSwaps: 0 };

/**
 * Compacts all tables, the one first that has waited longest since its last commit; those whose newest snapshot is a
 * compaction's come last. One that fails does not keep the others from their turn.
 *
 * @throws LakeError when the tables cannot be listed
 */
export async function compactAll(parts: CompactParts, context: InvocationContext): Promise<CompactAllFigures> {
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  await using stop = timeLimit(parts.clock, context, stopMargins);
  const failures: string[] = [];
  const tables: CompactFigures[] = [];
  const bucketBytesMax = bucketBytesIn(parts, context);
  const waiting = await byNeed(parts, failures);
  for (const [index, { name, sinceMs }] of waiting.entries()) {
    if (parts.clock.monotonicMs() >= limit.deadlineMs) {
      return { tables, leftTables: waiting.length - index, failures };
    }
    try {
      const isPatient = parts.clock.nowMs() - sinceMs < idleMs;
      const limits = { ...limit, stop: stop.signal, toldId: undefined, isPatient, bucketBytesMax };
      tables.push(await compactNamed(parts, name, limits, context));
    } catch (error) {
      if (!isLakeError(error) || limit.signal.aborted) throw error;
      failures.push(`${name}: ${error.code}: ${error.message}`);
    }
  }
  return { tables, leftTables: 0, failures };
}

/**
 * What a bucket's compaction can read in the whole of an invocation, however much of it is left: what is too large for that
 * would be begun again and again and never be done.
 */
function bucketBytesIn({ settings }: CompactParts, context: InvocationContext): number {
  const { memoryBytes = bytesPerCore } = settings;
  const seconds = Math.max(0, context.getRemainingTimeInMillis() - margins.finishMs) / 1_000;
  return Math.max(bucketBytesMin, seconds * bytesPerSecondOfCpu * Math.min(1, memoryBytes / bytesPerCore));
}

type Waiting = { readonly name: string; readonly isCompacted: boolean; readonly sinceMs: number };

async function byNeed(parts: CompactParts, failures: string[]): Promise<readonly Waiting[]> {
  const found: Waiting[] = [];
  for await (const identifier of eachTable(parts)) {
    const name = printIdentifier(identifier);
    try {
      const table = await openOrUndefined(parts, name);
      const head = table === undefined ? undefined : await latestSnapshot(table);
      if (head === undefined) continue;
      found.push({ name, isCompacted: head.commitKind === 'COMPACT', sinceMs: head.timeMillis });
    } catch (error) {
      if (!isLakeError(error)) throw error;
      failures.push(`${name}: ${error.code}: ${error.message}`);
    }
  }
  return found.toSorted((a, b) => Number(a.isCompacted) - Number(b.isCompacted) || a.sinceMs - b.sinceMs);
}

async function compactNamed(
  parts: CompactParts,
  name: string,
  limits: Limits,
  { spans }: InvocationContext,
): Promise<CompactFigures> {
  const table = await openOrUndefined(parts, name);
  if (table === undefined || table.options.writeOnly) return { ...nothingDone, table: name, end: 'not-compacted' };
  const work = (): Promise<CompactFigures> => compactUntil(parts, name, table, limits);
  return spans === undefined ? work() : spans.run('table', { table: table.label }, work);
}

async function compactUntil(
  { clock, looked }: CompactParts,
  name: string,
  table: Table,
  limits: Limits,
): Promise<CompactFigures> {
  await using committer = new Committer(table);
  const figures = { ...nothingDone, table: name };
  let { toldId } = limits;
  const ended = (end: CompactFigures['end']): CompactFigures => ({ ...figures, end, lostSwaps: committer.lostSwaps });
  let givenUp = 0;
  while (clock.monotonicMs() < limits.deadlineMs) {
    const receipt = await compactOrUndefined(table, committer, { ...limits, toldId });
    if (receipt === undefined || receipt.status === 'given-up') looked.forget(name);
    if (receipt === undefined) return ended('not-compacted');
    figures.stoppedBuckets += receipt.stoppedCount ?? 0;
    if (receipt.status === 'nothing-to-do') {
      looked.settle(name, receipt.lookedAtId ?? 0);
      return ended('done');
    }
    if (receipt.status === 'given-up') {
      givenUp += 1;
      if (givenUp >= givenUpMax) return ended('given-up');
      continue;
    }
    figures.commits += 1;
    toldId = receipt.snapshotId ?? toldId;
    for (const bucket of receipt.buckets) {
      figures.filesBefore += bucket.filesBefore;
      figures.filesAfter += bucket.filesAfter;
    }
  }
  return ended('out-of-time');
}

/** Tables that a line names, at most. */
const tablesToldMax = 50;

/** What an invocation says of itself. A bucket that is too large for an invocation shows as stopped without a commit. */
export function compactReport(figures: CompactFigures | CompactAllFigures): Report {
  const all = 'tables' in figures ? figures : { tables: [figures], leftTables: 0, failures: [] };
  const { tables, leftTables, failures } = all;
  const sum = (of: (table: CompactFigures) => number): number => tables.reduce((all, table) => all + of(table), 0);
  const isStuck = ({ end, commits, stoppedBuckets }: CompactFigures): boolean =>
    end === 'given-up' || (stoppedBuckets > 0 && commits === 0);
  const given = tables.filter(isStuck).length;
  const told = tables.filter(({ commits, end }) => commits > 0 || end !== 'done');
  return {
    fields:
      'tables' in figures
        ? { tables: told.slice(0, tablesToldMax), tableCount: tables.length, leftTables, failures }
        : figures,
    metrics: {
      CompactionsGivenUp: given,
      CommitConflicts: sum(table => table.lostSwaps),
      FailedTables: failures.length,
    },
    hasTrouble: given > 0 || failures.length > 0,
  };
}

async function openOrUndefined(parts: CompactParts, name: string): Promise<Table | undefined> {
  const nowMs = parts.clock.monotonicMs();
  const known = parts.looked.opened(name, nowMs);
  if (known !== undefined) return known;
  try {
    const { database, table, branch } = parseIdentifier(name);
    const opened = await openTable(parts.store, { database, name: table, branch }, parts);
    parts.looked.keep(name, opened, nowMs);
    return opened;
  } catch (error) {
    if (isLakeError(error, 'LAKE_TABLE_NOT_FOUND') || isLakeError(error, 'LAKE_BAD_NAME')) return undefined;
    throw error;
  }
}

/** undefined: the table asks for what is not done here, or is no more. */
async function compactOrUndefined(
  table: Table,
  committer: Committer,
  limits: Limits,
): Promise<CompactReceipt | undefined> {
  try {
    return await compactTable(table, committer, { isFull: false, ...limits });
  } catch (error) {
    if (isLakeError(error, 'LAKE_UNSUPPORTED') || isLakeError(error, 'LAKE_TABLE_NOT_FOUND')) return undefined;
    throw error;
  }
}
