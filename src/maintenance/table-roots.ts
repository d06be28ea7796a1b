/**
 * The roots of a table, listed: for every line its snapshots, tags, changelogs and expiry record (DESIGN R4).
 */
import { changelogFolder, tagFolder } from '../format/paths.ts';
import { readExpiryRecord } from '../table/expiry-record.ts';
import type { SnapshotHome } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import type { LineRoots } from './decide-orphans.ts';
import { linesOf, snapshotFiles } from './lines.ts';
import { stampOf } from './pins.ts';

export type ListedLine = LineRoots & {
  readonly line: SnapshotHome;
  readonly storeTimeMs: number;
  /** Of the newest snapshot file; undefined: there is none. */
  readonly headLastModifiedMs: number | undefined;
};

/** Main line first. */
export async function listRoots(table: Table): Promise<readonly ListedLine[]> {
  const listed: ListedLine[] = [];
  for (const line of await linesOf(table)) listed.push(await listLine(line));
  return listed;
}

async function listLine(line: SnapshotHome): Promise<ListedLine> {
  const { files, storeTimeMs } = await snapshotFiles(line);
  const record = await readExpiryRecord(line);
  const others = [`${record.etag}`];
  for (const prefix of [`${tagFolder}/tag-`, `${changelogFolder}/changelog-`]) {
    for await (const page of line.store.list(`${line.metaPath}/${prefix}`)) others.push(...page.objects.map(stampOf));
  }
  return {
    line,
    metaPath: line.metaPath,
    snapshots: new Map(files.map(file => [file.id, stampOf(file)])),
    others,
    storeTimeMs,
    headLastModifiedMs: files.at(-1)?.lastModifiedMs,
  };
}
