/** The compact function: a new snapshot is a reason to look whether its table wants compaction (DESIGN 2.4). */
import { isLakeError } from '../../base/errors.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import { Committer } from '../../table/commit/commit.ts';
import { type CompactReceipt, compactTable } from '../../table/compact/compact-table.ts';
import { type ManifestCaches, manifestCaches } from '../../table/manifests.ts';
import { openTable, type Table } from '../../table/table.ts';
import { type FunctionParts, type Metered, meteredInvocation, openFunctionParts } from './function-parts.ts';
import { LookedTables } from './looked-tables.ts';
import { type CreatedObject, snapshotIdOf, tableOfSnapshot } from './snapshot-event.ts';
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
};

/** A bucket may take a minute; what is not done by then is given up. */
const margins = { finishMs: 90_000, answerMs: 5_000 };
/** Rivals that may take the files away before it is left to them. */
const givenUpMax = 3;

export async function openCompactFunction(): Promise<CompactParts> {
  const parts = await openFunctionParts('compaction');
  return { ...parts, caches: manifestCaches(parts.workMemory), looked: new LookedTables() };
}

/** Compacts the table of a new snapshot until nothing is left to do or the time is. @throws LakeError of the store */
export async function compactOnSnapshot(
  parts: CompactParts,
  created: CreatedObject,
  context: InvocationContext,
): Promise<CompactFigures> {
  await using _metered = meteredInvocation(parts);
  await using limit = timeLimit(parts.clock, context, margins);
  const name = tableOfSnapshot(parts.settings.warehouse, created);
  const none = { table: name, commits: 0, filesBefore: 0, filesAfter: 0 };
  if (name === undefined) return { ...none, end: 'not-compacted' };
  let toldId = snapshotIdOf(created);
  // The snapshot of a compaction of this container, most often.
  if (parts.looked.isSettled(name, toldId)) return { ...none, end: 'done' };
  const table = await openOrUndefined(parts, name);
  if (table === undefined || table.options.writeOnly) return { ...none, end: 'not-compacted' };
  await using committer = new Committer(table);
  const figures = { ...none };
  let givenUp = 0;
  while (parts.clock.monotonicMs() < limit.deadlineMs) {
    const receipt = await compactOrUndefined(table, committer, { ...limit, toldId });
    if (receipt === undefined) {
      parts.looked.forget(name);
      return { ...figures, end: 'not-compacted' };
    }
    if (receipt.status === 'nothing-to-do') {
      parts.looked.settle(name, receipt.lookedAtId ?? 0);
      return { ...figures, end: 'done' };
    }
    if (receipt.status === 'given-up') {
      parts.looked.forget(name);
      givenUp += 1;
      if (givenUp >= givenUpMax) return { ...figures, end: 'given-up' };
      continue;
    }
    figures.commits += 1;
    toldId = receipt.snapshotId ?? toldId;
    for (const bucket of receipt.buckets) {
      figures.filesBefore += bucket.filesBefore;
      figures.filesAfter += bucket.filesAfter;
    }
  }
  return { ...figures, end: 'out-of-time' };
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
  options: { readonly deadlineMs: number; readonly signal: AbortSignal; readonly toldId: number },
): Promise<CompactReceipt | undefined> {
  try {
    return await compactTable(table, committer, { isFull: false, isPatient: true, ...options });
  } catch (error) {
    if (isLakeError(error, 'LAKE_UNSUPPORTED') || isLakeError(error, 'LAKE_TABLE_NOT_FOUND')) return undefined;
    throw error;
  }
}
