/**
 * Which objects of a table's folder are orphans (DESIGN R4, spec 10.8). Pure.
 */
import { branchFolder, indexFolder, manifestFolder, statisticsFolder } from '../format/paths.ts';
import { isSnapshotObjectName, tableObjectsFolder } from '../table/table-objects.ts';
import { orphanAgeMs } from './limits.ts';

/**
 * What an object is by its place: `referenced` ones are there for as long as something names them, `temporary` ones are what
 * a writer of Paimon had not yet renamed, `kept` is all else: roots, schemas, hints, marks, and what we do not know.
 */
export type ObjectPlace = 'referenced' | 'temporary' | 'kept';

const referencedFolders: readonly string[] = [manifestFolder, indexFolder, statisticsFolder];
const bucketName = /^bucket-(\d{1,10}|postpone)$/;

/** @param path of the object, relative to the table's folder */
export function placeOf(path: string): ObjectPlace {
  const parts = path.split('/');
  const name = parts.at(-1) ?? '';
  const [top = ''] = parts;
  if (parts.length === 2) {
    if (referencedFolders.includes(top)) return 'referenced';
    if (top === tableObjectsFolder) return isSnapshotObjectName(name) ? 'referenced' : 'kept';
  }
  if (bucketName.test(parts.at(-2) ?? '') && top !== branchFolder) return 'referenced';
  return name.startsWith('.') && name.endsWith('.tmp') ? 'temporary' : 'kept';
}

/**
 * The store time before which an object must have come to be an orphan, from the heads of all lines.
 *
 * A commit that is still on its way has its base at or after the head of its line, and names nothing whose upload began
 * more than U before that base was looked up (S7). So what is older than every head by O > U nobody will ever name, however
 * long a writer stalls. Our own clock would not do.
 *
 * @param headsLastModifiedMs one for each line; undefined: the line has no snapshot, so its first commit may name anything
 */
export function orphanCutoffMs(headsLastModifiedMs: readonly (number | undefined)[]): number | undefined {
  let least = Number.POSITIVE_INFINITY;
  for (const lastModifiedMs of headsLastModifiedMs) {
    if (lastModifiedMs === undefined) return undefined;
    least = Math.min(least, lastModifiedMs);
  }
  return Number.isFinite(least) ? least - orphanAgeMs : undefined;
}

export type OrphanFacts = {
  /** Relative to the table's folder. */
  readonly path: string;
  readonly lastModifiedMs: number;
};

/** @param referenced names (without folders) of everything that a root names */
export function isOrphan(object: OrphanFacts, referenced: ReadonlySet<string>, cutoffMs: number): boolean {
  if (object.lastModifiedMs >= cutoffMs) return false;
  if (placeOf(object.path) === 'kept') return false;
  return !referenced.has(object.path.slice(object.path.lastIndexOf('/') + 1));
}

/** What the roots of one line looked like at a listing. */
export type LineRoots = {
  readonly metaPath: string;
  /** By id: key, time and size of each snapshot file. */
  readonly snapshots: ReadonlyMap<number, string>;
  /** The same of tags and changelogs, and the expiry record's version. */
  readonly others: readonly string[];
};

/** R4: whether nothing has changed between two listings but for commits above the heads of the first. */
export function rootsEqual(before: readonly LineRoots[], after: readonly LineRoots[]): boolean {
  if (before.length !== after.length) return false;
  return before.every((line, index) => {
    const now = after[index];
    if (now === undefined || now.metaPath !== line.metaPath) return false;
    const head = Math.max(0, ...line.snapshots.keys());
    const kept = [...now.snapshots].filter(([id]) => id <= head);
    return (
      kept.length === line.snapshots.size &&
      kept.every(([id, stamp]) => line.snapshots.get(id) === stamp) &&
      now.others.join('\n') === line.others.join('\n')
    );
  });
}
