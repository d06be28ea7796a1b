/**
 * Lets a table forget data files that its newest snapshot names and that are not there: somebody has deleted them. Their rows
 * are lost either way; without their names the rest can be read again. One OVERWRITE, worked out on the base it is committed
 * on.
 *
 * @see Paimon 1.4.2 ListUnexistingFiles, RemoveUnexistingFilesAction
 */
import { mapBounded } from '../base/concurrency.ts';
import { deserializeRow } from '../format/binary-row.ts';
import { batchCommitIdentifier } from '../format/snapshot.ts';
import { Committer } from '../table/commit/commit.ts';
import { commitPlan, commitStop } from '../table/commit/request.ts';
import { planVectors } from '../table/index-plan.ts';
import type { PlacedFile } from '../table/live-files.ts';
import { liveEntries } from '../table/manifests.ts';
import { dataFileKey } from '../table/read/file-source.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import { partitionTypes, type Table } from '../table/table.ts';
import { committedId } from '../table/write/table-writer.ts';

const looksAtOnceMax = 16;

export type MissingFiles = {
  /** Keys in the store. */
  readonly keys: readonly string[];
  /** undefined: nothing is missing, or it was only looked. */
  readonly snapshotId: number | undefined;
};

/** @throws LakeError `conflict`, `unavailable`, `fenced` */
export async function removeMissingFiles(
  table: Table,
  { isDryRun, signal }: { readonly isDryRun: boolean; readonly signal?: AbortSignal | undefined },
): Promise<MissingFiles> {
  if (isDryRun) {
    const snapshot = await latestSnapshot(table);
    const live = snapshot === undefined ? [] : await liveEntries(table, snapshot);
    return { keys: (await missingAmong(table, live)).map(file => keyOf(table, file)), snapshotId: undefined };
  }
  await using committer = new Committer(table);
  let missing: readonly PlacedFile[] = [];
  const outcome = await committer.commit({
    commitUser: table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    signal,
    plan: async base => {
      missing = await missingAmong(table, await base.liveEntries({}));
      if (missing.length === 0) return commitStop('changed', 'no file is missing');
      const changes = missing.map(({ partition, bucket, file }) => ({
        ...{ partition, bucket },
        gone: new Set([file.fileName]),
        marks: new Map<string, readonly number[]>(),
      }));
      const index = await planVectors(table, base, changes);
      return commitPlan({ kind: 'OVERWRITE', schemaId: base.schema.id, deletes: missing, index });
    },
  });
  const keys = missing.map(file => keyOf(table, file));
  return { keys, snapshotId: outcome.status === 'changed' ? undefined : committedId(table, outcome) };
}

/** Files that lie elsewhere are not looked for. */
async function missingAmong<F extends PlacedFile>(table: Table, files: readonly F[]): Promise<readonly F[]> {
  const own = files.filter(({ file }) => file.externalPath === undefined);
  const heads = await mapBounded(own, looksAtOnceMax, file => table.store.head(keyOf(table, file)));
  return own.filter((_, index) => heads[index] === undefined);
}

function keyOf(table: Table, { partition, bucket, file }: PlacedFile): string {
  const partitionValues = deserializeRow(partition, partitionTypes(table.schema));
  return dataFileKey(table, { partitionValues, bucket }, file.fileName);
}
