/**
 * The statistics that a snapshot names: read, and committed as a snapshot of kind ANALYZE that changes no file. Later
 * commits carry them on as long as the schema stays (decide-snapshot.ts); expiry and orphan cleaning know their files.
 */

import { postponedBucket } from '../format/bucket.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { statisticsPath } from '../format/paths.ts';
import { batchCommitIdentifier, type Snapshot } from '../format/snapshot.ts';
import { decodeStatistics, encodeStatistics, type TableStatistics } from '../format/statistics.ts';
import { Committer } from './commit/commit.ts';
import type { CommitOutcome } from './commit/request.ts';
import { commitPlan, commitStop } from './commit/request.ts';
import { fileMissing, liveEntries } from './manifests.ts';
import type { Table } from './table.ts';

/** undefined: the snapshot names none. @throws LakeError `corrupt` LAKE_CORRUPT_STATISTICS, LAKE_FILE_MISSING */
export async function readStatistics(
  table: Table,
  { statistics }: Pick<Snapshot, 'statistics'>,
): Promise<TableStatistics | undefined> {
  if (statistics === undefined) return undefined;
  const key = `${table.path}/${statisticsPath(statistics)}`;
  const object = await table.store.get(key, { bytesMax: jsonBytesMax });
  if (object === undefined) throw fileMissing(table, key);
  return decodeStatistics(object.bytes, key);
}

/** The bytes of a snapshot's files, by the part of their rows that a query sees. */
export async function mergedSize(table: Table, snapshot: Snapshot, mergedRecordCount: bigint): Promise<bigint> {
  const seen = await liveEntries(table, snapshot, { inPlace: ({ bucket }) => bucket !== postponedBucket });
  const files = seen.map(({ file }) => file);
  const bytes = files.reduce((sum, { fileSize }) => sum + fileSize, 0);
  const rows = files.reduce((sum, { rowCount }) => sum + rowCount, 0);
  return rows === 0 ? 0n : (BigInt(bytes) * mergedRecordCount) / BigInt(rows);
}

/**
 * Commits statistics. Rows that others commit meanwhile do not matter: statistics say which snapshot they are of.
 *
 * @returns `changed`: the table has another schema now, and what was found out is of the old one
 * @throws LakeError of the store: nothing was committed
 */
export async function commitStatistics(
  table: Table,
  statistics: TableStatistics,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<CommitOutcome> {
  const name = `stat-${table.random.uuid()}-0`;
  const upload = async (): Promise<number> => {
    const beganMs = table.storeTimeMs();
    await table.store.put(`${table.path}/${statisticsPath(name)}`, encodeStatistics(statistics));
    return beganMs;
  };
  let uploadBeganMs = await upload();
  await using committer = new Committer(table);
  return await committer.commit({
    commitUser: table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    signal: options.signal,
    plan: async (base, again) => {
      if (base.schema.id !== statistics.schemaId) {
        return commitStop('changed', `the schema is ${base.schema.id} now, and was ${statistics.schemaId}`);
      }
      if (again?.reason === 'upload-age') uploadBeganMs = await upload();
      return commitPlan({
        kind: 'ANALYZE',
        schemaId: statistics.schemaId,
        statistics: name,
        uploads: [{ name: statisticsPath(name), uploadBeganMs }],
      });
    },
  });
}
