/**
 * The lines of a table: its main line of snapshots and one for each branch. Each has snapshots, tags, consumers and
 * changelogs of its own; data, manifests and indexes are shared by all, so whoever removes any of these asks every line.
 */
import { LakeError } from '../base/errors.ts';
import { childFolders } from '../catalog/folders.ts';
import { branchFolder, branchPath, changelogFolder, idOfName, snapshotFolder } from '../format/paths.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { baseFreshMs } from '../table/commit/limits.ts';
import type { SnapshotHome } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { readTriesMax } from './limits.ts';

/** A file by the number in its name. */
export type NumberedFile = {
  readonly id: number;
  readonly key: string;
  readonly sizeBytes: number;
  readonly lastModifiedMs: number;
};

export type NumberedFiles = {
  /** Ascending. */
  readonly files: readonly NumberedFile[];
  /** When the listing began. */
  readonly storeTimeMs: number;
};

/** The line the table was opened on. */
export function ownLine(table: Table): SnapshotHome {
  return { store: table.store, metaPath: table.metaPath, label: table.label };
}

export function mainLine({ store, path, identifier }: Table): SnapshotHome {
  return { store, metaPath: path, label: `${identifier.database}.${identifier.name}` };
}

/** The main line, then the branches by name. */
export async function linesOf(table: Table): Promise<readonly SnapshotHome[]> {
  const main = mainLine(table);
  const branches = (await branchesOf(table)).map(branch => ({
    ...main,
    metaPath: `${main.metaPath}/${branchPath(branch)}`,
    label: `${main.label}$branch_${branch}`,
  }));
  return [main, ...branches];
}

/** Names of the branches. */
export async function branchesOf({ store, path }: Pick<Table, 'store' | 'path'>): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const folder of childFolders(store, `${path}/${branchFolder}/`)) {
    if (folder.startsWith('branch-')) names.push(folder.slice('branch-'.length));
  }
  return names;
}

export function snapshotFiles(line: SnapshotHome): Promise<NumberedFiles> {
  return numberedFiles(line, 'snapshot');
}

/** Changelogs that outlived their snapshots. */
export function changelogFiles(line: SnapshotHome): Promise<NumberedFiles> {
  return numberedFiles(line, 'changelog');
}

/** A listing that took so long that it shows no moment is made again (R3). */
async function numberedFiles(line: SnapshotHome, kind: 'snapshot' | 'changelog'): Promise<NumberedFiles> {
  const folder = kind === 'snapshot' ? snapshotFolder : changelogFolder;
  for (let tries = 0; tries < readTriesMax; tries += 1) {
    const listed = await listAll(line.store, `${line.metaPath}/${folder}/${kind}-`);
    if (listed.endedMs - listed.beganMs >= baseFreshMs) continue;
    const files = listed.objects.flatMap(object => {
      const id = idOfName(object.key, kind);
      return id === undefined ? [] : [{ id, ...object }];
    });
    return { files: files.toSorted((a, b) => a.id - b.id), storeTimeMs: listed.beganMs };
  }
  throw tooSlow(line);
}

type Listed = {
  readonly objects: readonly { readonly key: string; readonly sizeBytes: number; readonly lastModifiedMs: number }[];
  readonly beganMs: number;
  readonly endedMs: number;
};

async function listAll(store: ObjectStore, prefix: string): Promise<Listed> {
  const objects: Listed['objects'][number][] = [];
  let [beganMs, endedMs]: [number | undefined, number] = [undefined, 0];
  for await (const page of store.list(prefix)) {
    beganMs ??= page.storeTimeMs;
    endedMs = page.storeTimeMs;
    objects.push(...page.objects);
  }
  return { objects, beganMs: beganMs ?? endedMs, endedMs };
}

/** R3: nothing that was read in more than B is acted upon. */
export function tooSlow({ store, label }: SnapshotHome): LakeError {
  const message = `${store.uri}: reading ${label} takes longer than ten minutes, so that what was read first may be gone`;
  return new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', message);
}
