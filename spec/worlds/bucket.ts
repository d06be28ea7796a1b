/**
 * Data files of a small table as the product's deciders see them, and what a bucket's live files say.
 */
import type { DataFileMeta } from '../../src/format/data-file.ts';
import type { GuardFacts } from '../../src/table/commit/decide-guards.ts';
import type { PlannedFile } from '../../src/table/commit/request.ts';
import { bucketKey, identifierKey, type PlacedFile, partitionKey } from '../../src/table/live-files.ts';
import type { StateText } from '../state-text.ts';

export type Row = {
  readonly key: number;
  readonly sequence: number;
  readonly isDelete: boolean;
  /** The change it came with. */
  readonly change: number;
};

/** A data file with its rows. Never changed, so that what the product sees of it is made once. */
export type DataFile = {
  readonly name: number;
  readonly level: number;
  readonly bucket: number;
  readonly totalBuckets: number;
  readonly schemaId: number;
  /** Store time in minutes; undefined: a live file that changes its level. */
  readonly uploadBegan: number | undefined;
  readonly rows: readonly Row[];
};

/** What is live, and which identifiers manifests say have been deleted. */
export type Bucket = { readonly live: readonly DataFile[]; readonly dead: readonly string[] };

export const emptyBucket: Bucket = { live: [], dead: [] };
export const minuteMs = 60_000;

const emptyBytes = new Uint8Array();
const emptyStats = { minValues: emptyBytes, maxValues: emptyBytes, nullCounts: [] };
const keyBytes = [0, 1, 2, 3, 4, 5, 6, 7].map(key => Uint8Array.of(key));
const planned = new WeakMap<DataFile, PlannedFile>();
const identifiers = new WeakMap<DataFile, string>();

export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return (a[0] ?? 0) - (b[0] ?? 0);
}

/** The file as a plan names it. */
export function plannedFile(file: DataFile): PlannedFile {
  const known = planned.get(file);
  if (known !== undefined) return known;
  const made: PlannedFile = {
    partition: emptyBytes,
    bucket: file.bucket,
    totalBuckets: file.totalBuckets,
    file: metaOf(file),
    uploadBeganMs: file.uploadBegan === undefined ? undefined : file.uploadBegan * minuteMs,
  };
  planned.set(file, made);
  return made;
}

export function identifierOf(file: DataFile): string {
  const known = identifiers.get(file) ?? identifierKey(plannedFile(file));
  identifiers.set(file, known);
  return known;
}

function metaOf({ name, level, schemaId, rows }: DataFile): DataFileMeta {
  const keys = rows.map(({ key }) => key);
  const sequences = rows.map(({ sequence }) => sequence);
  return {
    fileName: `data-${name}`,
    // So that the picker merges what is new without what is old.
    fileSize: level === 0 ? 1_000 : 100_000,
    rowCount: rows.length,
    minKey: keyBytes[Math.min(...keys)] ?? emptyBytes,
    maxKey: keyBytes[Math.max(...keys)] ?? emptyBytes,
    keyStats: emptyStats,
    valueStats: emptyStats,
    minSequenceNumber: BigInt(Math.min(...sequences)),
    maxSequenceNumber: BigInt(Math.max(...sequences)),
    schemaId,
    level,
    extraFiles: [],
    creationTimeMs: 0,
    deleteRowCount: rows.filter(({ isDelete }) => isDelete).length,
    embeddedIndex: undefined,
    fileSource: level === 0 ? 'append' : 'compact',
    valueStatsCols: [],
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
  };
}

/** The largest sequence number of the bucket's live files; -1: none. */
export function floorOf({ live }: Bucket, bucket = 0): number {
  return live.reduce((floor, file) => {
    return file.bucket === bucket ? file.rows.reduce((max, { sequence }) => Math.max(max, sequence), floor) : floor;
  }, -1);
}

export type FactsBeside = Partial<Pick<GuardFacts, 'baseStoreTimeMs' | 'dutiesChanged' | 'indexManifest' | 'vectors'>>;

/** What base.ts gathers of a base for a plan that touches these files. */
export function guardFacts(base: Bucket, touched: readonly DataFile[], beside: FactsBeside = {}): GuardFacts {
  const placed = base.live.map((file): PlacedFile => plannedFile(file));
  const known = new Set([...base.live.map(identifierOf), ...base.dead]);
  const keys = new Set(touched.map(file => bucketKey(plannedFile(file))));
  const buckets = [...keys].map(key => {
    const live = placed.filter(file => bucketKey(file) === key);
    const sequenceFloor = live.reduce(
      (max, { file }) => (file.maxSequenceNumber > max ? file.maxSequenceNumber : max),
      -1n,
    );
    const repeated = new Set(touched.map(identifierOf).filter(identifier => known.has(identifier)));
    return [key, { sequenceFloor, live, repeated }] as const;
  });
  return {
    baseStoreTimeMs: 0,
    hasPrimaryKey: true,
    buckets: new Map(buckets),
    totalBuckets: new Map([[partitionKey(emptyBytes), new Set(base.live.map(file => file.totalBuckets))]]),
    dutiesChanged: false,
    identity: undefined,
    indexManifest: undefined,
    vectors: new Map(),
    hashFiles: new Map(),
    compareKeys,
    ...beside,
  };
}

/** The bucket after a commit, as manifests make it: an identifier that was ever deleted is not live (spec 4.5). */
export function afterCommit(
  base: Bucket,
  change: { readonly adds?: readonly DataFile[]; readonly deletes?: readonly DataFile[] },
): Bucket {
  const { adds = [], deletes = [] } = change;
  const dead = [...new Set([...base.dead, ...deletes.map(identifierOf)])];
  const live = [...base.live, ...adds].filter(file => !dead.includes(identifierOf(file)));
  return { live, dead };
}

/** The newest row of each key; `tie`: two rows of a key have one sequence number. */
export function newestRows(files: readonly DataFile[]): ReadonlyMap<number, Row> | 'tie' {
  const newest = new Map<number, Row>();
  for (const { rows } of files) {
    for (const row of rows) {
      const there = newest.get(row.key);
      if (there?.sequence === row.sequence) return 'tie';
      if (there === undefined || row.sequence > there.sequence) newest.set(row.key, row);
    }
  }
  return newest;
}

/** Writes a file; its name and changes as identities. */
export function writeFile(
  text: StateText,
  { name, level, bucket, totalBuckets, schemaId, uploadBegan, rows }: DataFile,
): void {
  text.identity(name).numbers(level, bucket, totalBuckets, schemaId, uploadBegan ?? -2);
  text.list(rows, ({ key, sequence, isDelete, change }) =>
    text.numbers(key * 2 + (isDelete ? 1 : 0), sequence).identity(change),
  );
}
