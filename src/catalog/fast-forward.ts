/**
 * Fast-forward: the table becomes what a branch of it is, in one snapshot on top of its own (RFC 0006). Schemas that the
 * branch has beyond the table's come first.
 */
import { invalid, LakeError } from '../base/errors.ts';
import { equalBytes } from '../bytes/compare.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { schemaPath } from '../format/paths.ts';
import { putNew } from '../table/put-new.ts';
import { type RestoreReceipt, restoreTable } from '../table/restore/restore-table.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import { openTable, reopenTable, type Table } from '../table/table.ts';
import { branchKey, branchNotFound, listBranches } from './branches.ts';

/**
 * @param table the table itself
 * @throws LakeError `invalid` LAKE_BRANCH_NOT_FOUND, LAKE_SNAPSHOT_NOT_FOUND for an empty branch, LAKE_BRANCH_DIVERGED when
 * both have changed their schema; otherwise as `restoreTable`
 */
export async function fastForward(
  table: Table,
  branch: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RestoreReceipt> {
  const { database, name } = table.identifier;
  if (!(await listBranches(table)).includes(branch)) throw branchNotFound(table, branch);
  const source = await openTable(table.store, { database, name, branch }, table);
  const snapshot = await latestSnapshot(source);
  if (snapshot === undefined) {
    throw invalid('LAKE_SNAPSHOT_NOT_FOUND', `branch ${branch} of table ${table.label} has no snapshot yet`);
  }
  await takeSchemas(table, source);
  return restoreTable(await reopenTable(table), { table: source, snapshot }, options);
}

/** Of each number there is one schema: files say by it how they are read. */
async function takeSchemas(table: Table, source: Table): Promise<void> {
  const { branch } = source.identifier;
  for (const id of await source.schemas.ids()) {
    const [ofBranch, ofTable] = await Promise.all(
      [branchKey(table, branch ?? ''), table.path].map(path =>
        table.store.get(`${path}/${schemaPath(id)}`, { bytesMax: jsonBytesMax }),
      ),
    );
    if (ofBranch === undefined) continue;
    const isNew = ofTable === undefined;
    const isThere = isNew
      ? (await putNew(table, `${table.path}/${schemaPath(id)}`, ofBranch.bytes)) === 'created'
      : equalBytes(ofTable.bytes, ofBranch.bytes);
    if (isThere) continue;
    const message = `table ${table.label} and its branch ${branch} have both changed their schema: they differ in schema ${id}`;
    throw new LakeError('invalid', 'LAKE_BRANCH_DIVERGED', message);
  }
}
