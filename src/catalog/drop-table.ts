/**
 * Dropping a table (DESIGN S10): forward, never by deleting first.
 *
 * 1. An empty OVERWRITE snapshot with `tidelake.dropped` goes on top: from now on every writer is fenced.
 * 2. What lies in the folder is listed, and then it is made sure that the table still has the name. So nothing on the
 *    list can belong to a table that was made under the name later.
 * 3. Schema files go, the newest last: with it the name is free, and everybody sees the table gone.
 * 4. What was listed goes: old snapshots before what they name, so that a reader who misses a file finds its snapshot
 *    gone as well. The marker and its two empty lists stay; a new table continues its numbers.
 *
 * A drop that was cut short is finished by dropping again, or by maintenance. Ingest takes the table for dropped from 1 on.
 */
import { unreachable } from '../base/assert.ts';
import { mapBounded } from '../base/concurrency.ts';
import { invalid, isLakeError, LakeError } from '../base/errors.ts';
import {
  earliestHintPath,
  latestHintPath,
  manifestPath,
  schemaFolder,
  schemaPath,
  snapshotFolder,
  snapshotPath,
} from '../format/paths.ts';
import { batchCommitIdentifier, type Snapshot } from '../format/snapshot.ts';
import { Committer } from '../table/commit/commit.ts';
import { droppedProperty } from '../table/commit/properties.ts';
import { type CommitOutcome, commitPlan } from '../table/commit/request.ts';
import { openTable, type Table } from '../table/table.ts';
import { dropMarkOf, readDropMarker } from './drop-marker.ts';
import { type Identifier, printIdentifier } from './identifier.ts';
import type { CatalogParts } from './publish-schema.ts';

/** Objects removed at a time. */
const deletesInParallelMax = 16;
/** Keys of one table that a drop lists; a folder with more is left to the orphan cleaner. */
const keysListedMax = 5_000_000;

/**
 * Drops a table. Afterwards the name is free; a table made again under it is another one.
 *
 * @returns false: there was none, and `ifExists` was said
 * @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND; `conflict` LAKE_COMMIT_CONFLICT, `unavailable` LAKE_COMMIT_UNKNOWN
 * (drop again)
 */
export async function dropTable(
  parts: CatalogParts,
  identifier: Identifier,
  options: { readonly ifExists: boolean },
): Promise<boolean> {
  if (identifier.branch !== undefined || identifier.systemTable !== undefined) {
    throw invalid('LAKE_BAD_NAME', `${printIdentifier(identifier)} is not a table that can be dropped`);
  }
  const name = { database: identifier.database, name: identifier.table };
  let table: Table;
  try {
    table = await openTable(parts.store, name, parts);
  } catch (error) {
    if (options.ifExists && isLakeError(error, 'LAKE_TABLE_NOT_FOUND')) return false;
    throw error;
  }
  await fence(table);
  const marker = await readDropMarker(parts.store, identifier);
  if (marker === undefined) return true;
  const keys = await listFolder(table);
  const schemaIds = await schemasOfTable(table);
  // Another drop was quicker and the name may be in use again: nothing on our list is surely ours.
  if (schemaIds.length === 0) return true;
  for (const id of schemaIds) await parts.store.delete(`${table.path}/${schemaPath(id)}`);
  await removeListed(table, keys, marker);
  return true;
}

/** Puts the marker on top, unless it is there. */
async function fence(table: Table): Promise<void> {
  await using committer = new Committer(table);
  const outcome = await committer.commit({
    commitUser: table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    plan: async () => {
      // A schema published a moment ago counts, too: a new table's numbers begin behind it.
      const newest = (await table.schemas.ids()).at(-1) ?? table.schema.id;
      const properties = { [droppedProperty]: dropMarkOf(table) };
      return commitPlan({ kind: 'OVERWRITE', schemaId: newest, emptied: true, properties });
    },
  });
  checkFenced(table, outcome);
}

function checkFenced(table: Table, outcome: CommitOutcome): void {
  switch (outcome.status) {
    case 'committed':
    case 'fenced':
      return;
    case 'changed':
    case 'conflict':
      throw new LakeError(
        'conflict',
        'LAKE_COMMIT_CONFLICT',
        `${table.label} was not dropped: ${outcome.detail}; drop it again`,
      );
    case 'unknown':
      throw new LakeError(
        'unavailable',
        'LAKE_COMMIT_UNKNOWN',
        `${table.label} may or may not be dropped: ${outcome.detail}; drop it again`,
      );
    default:
      unreachable(outcome);
  }
}

async function listFolder(table: Table): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const page of table.store.list(`${table.path}/`)) {
    for (const { key } of page.objects) if (keys.length < keysListedMax) keys.push(key);
  }
  return keys;
}

/** Ids of the schema files that are still this table's, ascending; none when its newest is gone. */
async function schemasOfTable(table: Table): Promise<readonly number[]> {
  const ids = await table.schemas.ids();
  try {
    // Opened anew, since the cache of the open table may know a file that is gone.
    const now = await openTable(table.store, table.identifier, table);
    return now.id === table.id ? ids : [];
  } catch (error) {
    if (isLakeError(error, 'LAKE_TABLE_NOT_FOUND') || isLakeError(error, 'LAKE_SCHEMA_MISSING')) return [];
    throw error;
  }
}

async function removeListed(table: Table, keys: readonly string[], marker: Snapshot): Promise<void> {
  const kept = new Set(
    [
      snapshotPath(marker.id),
      latestHintPath,
      earliestHintPath,
      manifestPath(marker.baseManifestList),
      manifestPath(marker.deltaManifestList),
    ].map(path => `${table.path}/${path}`),
  );
  const schemas = `${table.path}/${schemaFolder}/`;
  const snapshots = `${table.path}/${snapshotFolder}/`;
  const going = keys.filter(key => !kept.has(key) && !key.startsWith(schemas));
  const remove = (key: string): Promise<void> => table.store.delete(key);
  await mapBounded(
    going.filter(key => key.startsWith(snapshots)),
    deletesInParallelMax,
    remove,
  );
  await mapBounded(
    going.filter(key => !key.startsWith(snapshots)),
    deletesInParallelMax,
    remove,
  );
}
