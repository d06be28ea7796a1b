/** The data files of a table, for those that read Parquet and know no tables. */
import { join } from 'node:path';
import { liveEntries } from '../../src/table/manifests.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openWorkTable, type TablePlace } from './table.ts';

/** Paths of the data files that are live, of a table without partitions and with one bucket. */
export async function liveFiles(place: TablePlace): Promise<readonly string[]> {
  await using opened = await openWorkTable(place);
  const { table } = opened;
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return [];
  const entries = await liveEntries(table, snapshot);
  return entries.map(({ file }) => join(place.warehouse, table.path, 'bucket-0', file.fileName));
}
