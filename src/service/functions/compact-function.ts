/** The compact function: a new snapshot is a reason to look whether its table wants compaction (DESIGN 2.4). */
import { isLakeError } from '../../base/errors.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import { Committer } from '../../table/commit/commit.ts';
import { type CompactReceipt, compactTable } from '../../table/compact/compact-table.ts';
import { type ManifestCaches, manifestCaches } from '../../table/manifests.ts';
import { openTable, type Table } from '../../table/table.ts';
import { type FunctionParts, type Metered, meteredInvocation, openFunctionParts } from './function-parts.ts';
import { type CreatedObject, tableOfSnapshot } from './snapshot-event.ts';
import { type InvocationContext, timeLimit } from './time-limit.ts';

export type CompactParts = Omit<FunctionParts, keyof Metered> & Metered & { readonly caches: ManifestCaches };

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
  return { ...parts, caches: manifestCaches(parts.workMemory) };
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
  const table = name === undefined ? undefined : await openOrUndefined(parts, name);
  const none = { table: name, commits: 0, filesBefore: 0, filesAfter: 0 };
  if (table === undefined || table.options.writeOnly) return { ...none, end: 'not-compacted' };
  await using committer = new Committer(table);
  const figures = { ...none };
  let givenUp = 0;
  while (parts.clock.monotonicMs() < limit.deadlineMs) {
    const receipt = await compactOrUndefined(table, committer, limit);
    if (receipt === undefined) return { ...figures, end: 'not-compacted' };
    if (receipt.status === 'nothing-to-do') return { ...figures, end: 'done' };
    if (receipt.status === 'given-up') {
      givenUp += 1;
      if (givenUp >= givenUpMax) return { ...figures, end: 'given-up' };
      continue;
    }
    figures.commits += 1;
    for (const bucket of receipt.buckets) {
      figures.filesBefore += bucket.filesBefore;
      figures.filesAfter += bucket.filesAfter;
    }
  }
  return { ...figures, end: 'out-of-time' };
}

async function openOrUndefined(parts: CompactParts, name: string): Promise<Table | undefined> {
  try {
    const { database, table, branch } = parseIdentifier(name);
    return await openTable(parts.store, { database, name: table, branch }, parts);
  } catch (error) {
    if (isLakeError(error, 'LAKE_TABLE_NOT_FOUND') || isLakeError(error, 'LAKE_BAD_NAME')) return undefined;
    throw error;
  }
}

/** undefined: the table asks for what is not done here, or is no more. */
async function compactOrUndefined(
  table: Table,
  committer: Committer,
  limit: { readonly deadlineMs: number; readonly signal: AbortSignal },
): Promise<CompactReceipt | undefined> {
  try {
    return await compactTable(table, committer, { isFull: false, ...limit });
  } catch (error) {
    if (isLakeError(error, 'LAKE_UNSUPPORTED') || isLakeError(error, 'LAKE_TABLE_NOT_FOUND')) return undefined;
    throw error;
  }
}
