/** One compaction of a table on demand. */
import { LakeError } from '../base/errors.ts';
import { Committer } from '../table/commit/commit.ts';
import { type CompactReceipt, compactTable } from '../table/compact/compact-table.ts';
import type { Table } from '../table/table.ts';

export type { CompactReceipt } from '../table/compact/compact-table.ts';

/** Rivals that may take the files away before it is said that nothing could be done. */
const attemptsMax = 5;

/**
 * @param options.full everything into the last level; otherwise what universal compaction picks
 * @returns also when there was nothing to do
 * @throws LakeError `conflict` LAKE_COMPACTION_CONFLICT when others changed the files each time; `unsupported`
 */
export async function compactLakeTable(
  table: Table,
  options: { readonly full: boolean; readonly signal?: AbortSignal | undefined },
): Promise<CompactReceipt> {
  await using committer = new Committer(table);
  let detail = '';
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    options.signal?.throwIfAborted();
    const receipt = await compactTable(table, committer, { isFull: options.full, signal: options.signal });
    if (receipt.status !== 'given-up') return receipt;
    detail = receipt.detail;
  }
  throw new LakeError(
    'conflict',
    'LAKE_COMPACTION_CONFLICT',
    `${table.label}: ${attemptsMax} compactions were given up, last because ${detail}; try again later`,
  );
}
