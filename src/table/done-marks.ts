/**
 * Marks of partitions that are done: the file `_SUCCESS` in the partition's folder, which says when it was made first and
 * last.
 *
 * @see Paimon 1.4.2 SuccessFileMarkDoneAction, SuccessFile
 */
import { isLakeError } from '../base/errors.ts';
import { stringifyJson } from '../base/json.ts';
import { deserializeRow } from '../format/binary-row.ts';
import { parseJsonObject } from '../format/json-file.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { dataLayout, partitionPath } from '../format/paths.ts';
import { fieldsNamed } from '../format/table-schema.ts';
import type { Scalar } from '../types/scalar.ts';
import { partitionKey } from './live-files.ts';
import { deltaManifestsOf, readEntries } from './manifests.ts';
import { snapshotById } from './snapshots.ts';
import { partitionTypes, type Table } from './table.ts';

const markName = '_SUCCESS';

/**
 * The folder of a partition, from its values, or of all that share those of the first keys. It lies in the table's folder,
 * also where data lies in one of its own (`data-file.path-directory`), as Paimon has it.
 */
export function donePath(table: Table, values: readonly Scalar[]): string {
  const { schema } = table;
  const named = schema.partitionKeys.slice(0, values.length);
  const layout = { ...dataLayout(schema, table.options), partitionFields: fieldsNamed(schema, named) };
  return partitionPath(layout, values);
}

/** Marks it, or says that it is still done. Times are the store's. */
export async function markDone(table: Table, path: string): Promise<void> {
  const key = `${table.path}/${path}/${markName}`;
  const before = await markIn(table, key);
  const nowMs = table.storeTimeMs();
  const mark = { creationTime: before?.creationMs ?? nowMs, modificationTime: nowMs };
  await table.store.put(key, new TextEncoder().encode(stringifyJson(mark)));
}

/** When it was marked last, by the store; undefined: it is not. */
export async function doneAtMs(table: Table, path: string): Promise<number | undefined> {
  return (await markIn(table, `${table.path}/${path}/${markName}`))?.modificationMs;
}

/** Folders of the partitions that a snapshot has changed. @throws LakeError LAKE_SNAPSHOT_EXPIRED */
export async function changedPartitions(table: Table, snapshotId: number): Promise<readonly string[]> {
  const snapshot = await snapshotById(table, snapshotId);
  const entries = await readEntries(table, await deltaManifestsOf(table, snapshot));
  const partitions = new Map(entries.map(({ partition }) => [partitionKey(partition), partition]));
  const types = partitionTypes(table.schema);
  return [...partitions.values()].map(partition => donePath(table, deserializeRow(partition, types)));
}

type Mark = { readonly creationMs: number | undefined; readonly modificationMs: number };

/** One that others have made may be empty, or anything else: it is a mark by being there. */
async function markIn(table: Table, key: string): Promise<Mark | undefined> {
  const object = await table.store.get(key, { bytesMax: jsonBytesMax });
  if (object === undefined) return undefined;
  try {
    const { creationTime, modificationTime } = parseJsonObject(object.bytes, { where: key, code: 'LAKE_CORRUPT_JSON' });
    const isMark = Number.isSafeInteger(creationTime) && Number.isSafeInteger(modificationTime);
    if (isMark) return { creationMs: Number(creationTime), modificationMs: Number(modificationTime) };
  } catch (error) {
    if (!isLakeError(error)) throw error;
  }
  return { creationMs: undefined, modificationMs: object.lastModifiedMs };
}
