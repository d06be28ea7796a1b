/**
 * All of maintenance of one table: hidden state carried on, tags made and expired, partitions marked done, partitions,
 * snapshots and changelogs of every line expired, hints put right, orphans removed. Each part has its own receipt; one that
 * gives up keeps none of the others from running.
 */
import { isLakeError } from '../base/errors.ts';
import { openTable, reopenTable, type Table } from '../table/table.ts';
import { type CarryReceipt, carryState } from './carry-state.ts';
import { type ChangelogReceipt, expireChangelogs } from './expire-changelogs.ts';
import { maintainPartitions, type PartitionsReceipt } from './expire-partitions.ts';
import { type ExpireReceipt, expireSnapshots } from './expire-snapshots.ts';
import { type HintReceipt, repairHints } from './hints.ts';
import { branchesOf } from './lines.ts';
import { maintainTags, type TagsReceipt } from './maintain-tags.ts';
import { type DoneReceipt, markDonePartitions } from './mark-done-partitions.ts';
import { type RunEnd, runToEnd } from './receipt.ts';
import { type OrphanReceipt, removeOrphanFiles } from './remove-orphan-files.ts';

export type MaintainOptions = {
  /** The orphan cleaner reads all that the table names: once a day is plenty. */
  readonly orphans: 'remove' | 'dry-run' | 'skip';
  readonly signal?: AbortSignal | undefined;
};

export type LineReceipt = {
  /** `db.t`, or a branch of it. */
  readonly label: string;
  readonly carry: CarryReceipt;
  readonly tags: TagsReceipt;
  readonly partitions: PartitionsReceipt;
  readonly donePartitions: DoneReceipt;
  readonly expiry: ExpireReceipt;
  /** undefined: changelogs of this table go with their snapshots. */
  readonly changelogs: ChangelogReceipt | undefined;
  readonly hints: HintReceipt;
};

export type MaintainReceipt = {
  readonly label: string;
  /** The main line, then the branches. */
  readonly lines: readonly LineReceipt[];
  /** undefined: it was not asked for. */
  readonly orphans: OrphanReceipt | undefined;
  /** The first part that gave up, or whatever kept the parts from running. */
  readonly end: RunEnd;
};

/** Maintains a table with all its branches, by the newest schemas whatever the table was opened with. */
export async function maintainTable(table: Table, options: MaintainOptions): Promise<MaintainReceipt> {
  const lines: LineReceipt[] = [];
  let orphans: OrphanReceipt | undefined;
  const end = await runToEnd(async () => {
    const main = await reopenTable({ ...table, identifier: { ...table.identifier, branch: undefined } });
    lines.push(await maintainLine(main, options));
    for (const branch of await branchesOf(main)) {
      const opened = await openBranch(main, branch);
      if (opened !== undefined) lines.push(await maintainLine(opened, options));
    }
    if (options.orphans !== 'skip') {
      orphans = await removeOrphanFiles(main, { isDryRun: options.orphans === 'dry-run', signal: options.signal });
    }
    const parts: readonly RunEnd[] = [
      ...lines.flatMap(({ label: _, ...line }) => Object.values(line).filter(part => part !== undefined)),
      ...(orphans === undefined ? [] : [orphans]),
    ];
    return parts.find(isGivenUp) ?? { status: 'done' };
  });
  return { label: table.label, lines, orphans, end: endOf(end) };
}

async function maintainLine(table: Table, options: MaintainOptions): Promise<LineReceipt> {
  options.signal?.throwIfAborted();
  const carry = await carryState(table, options);
  // Before snapshots expire that a tag is still due for.
  const tags = await maintainTags(table);
  const partitions = await maintainPartitions(table, options);
  const donePartitions = await markDonePartitions(table);
  const expiry = await expireSnapshots(table, { signal: options.signal });
  const changelogs = table.options.changelogs.isDecoupled
    ? await expireChangelogs(table, { signal: options.signal })
    : undefined;
  const hints = await repairHints(table);
  return { label: table.label, carry, tags, partitions, donePartitions, expiry, changelogs, hints };
}

/** undefined: the branch has no schema, so it is none, or it is being removed. */
async function openBranch(table: Table, branch: string): Promise<Table | undefined> {
  try {
    return await openTable(table.store, { ...table.identifier, branch }, table);
  } catch (error) {
    if (isLakeError(error, 'LAKE_TABLE_NOT_FOUND')) return undefined;
    throw error;
  }
}

function isGivenUp(end: RunEnd): boolean {
  return end.status === 'given-up';
}

/** Without the figures of the part it came from. */
function endOf(end: RunEnd): RunEnd {
  if (end.status === 'done') return { status: 'done' };
  return { status: 'given-up', code: end.code, cause: end.cause };
}
