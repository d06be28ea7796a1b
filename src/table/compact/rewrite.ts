/**
 * Carries out what was picked for one bucket: reads, merges and writes by streams, in memory of a batch for each run and
 * a row group for the output. Nothing it writes is visible before a commit names it; a run that is cut short deletes
 * nothing (DESIGN C2).
 */

import type { DataFileMeta } from '../../format/data-file.ts';
import type { LoadedRows, PackedRows } from '../../format/data-file-content.ts';
import { fieldsNamed, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import type { AppendCompactUnit } from '../../lsm/append-picker.ts';
import { type ChangelogSpec, type CompactedBatch, looksAtKeysOnly } from '../../lsm/changelog-merge.ts';
import type { CompactPlan, Section } from '../../lsm/compaction-plan.ts';
import { compactRuns, mergeRuns } from '../../lsm/merge.ts';
import { pickingColumns } from '../../lsm/merge-function.ts';
import { sortedRuns } from '../../lsm/sorted-runs.ts';
import type { SupersededRow } from '../../lsm/superseded-rows.ts';
import type { KeyValueBatch, RowBatch } from '../../types/row-batch.ts';
import { vectorIdentity } from '../commit/decide-index.ts';
import type { BucketRead, PlannedFile } from '../commit/request.ts';
import type { Deletions } from '../index-files.ts';
import type { VectorChange } from '../index-plan.ts';
import { keyComparator } from '../key-comparator.ts';
import { identifierKey } from '../live-files.ts';
import { mergeSpec } from '../merge-spec.ts';
import { type FileRead, readRows } from '../read/read-file.ts';
import { readRun, readSection } from '../read/read-split.ts';
import type { Table } from '../table.ts';
import { DataFileWriter } from '../write/data-file-writer.ts';
import type { Place } from '../write/place-rows.ts';
import { changelogOfCompaction } from './changelog-of-compaction.ts';
import type { ExpiringRecords } from './expire-records.ts';
import { lookedUpFiles, lookUpRead, widened } from './look-up.ts';
import { type SortedRewrite, writeSorted } from './sorted-rewrite.ts';
import { type MergePiece, mayLeaveUnseen, type Piece, piecesOf, wholeSection } from './untouched-rows.ts';

/** What a finished compaction of a bucket changes; the only thing its commit looks at. */
export type CompactResult = {
  readonly place: Place;
  /** Live files that go; an upgraded file is among them under its old level. */
  readonly before: readonly DataFileMeta[];
  readonly after: readonly PlannedFile[];
  readonly changelog: readonly PlannedFile[];
  /** Of row groups that are in `after` as they were. */
  readonly bytesCopied: number;
  /** What it counts on besides its files (S2 i). */
  readonly read: BucketRead;
  readonly vectors: VectorChange;
};

/** A bucket of a primary-key table as its compaction finds it. */
export type KeyBucket = {
  readonly place: Place;
  /** All that are live. */
  readonly files: readonly DataFileMeta[];
  readonly lastLevel: number;
  readonly deletions: Deletions;
  /** undefined: no row of the table expires. */
  readonly expiring: ExpiringRecords | undefined;
};

/** Rows of a batch on the way from readers to the writer. */
const batchRowsMax = 16_384;

export async function rewriteKeyBucket(
  table: Table,
  bucket: KeyBucket,
  plan: CompactPlan,
  signal?: AbortSignal | undefined,
): Promise<CompactResult> {
  const { place } = bucket;
  const { outputLevel } = plan;
  const changelog = changelogOfCompaction(table.schema, { outputLevel, lastLevel: bucket.lastLevel });
  const changes = new ChangelogWriter(table, place, outputLevel);
  const marks = new Marks();
  const after: PlannedFile[] = [];
  let bytesCopied = 0;
  for (const { sections } of plan.rewrites) {
    const writer = new DataFileWriter(table, place, { schema: table.schema, level: outputLevel, source: 'compact' });
    for (const piece of await piecesOfAll(table, bucket, sections, { outputLevel, changelog })) {
      if (piece.kind === 'untouched') {
        await writeUntouched(table, writer, piece.rowGroups, signal);
        bytesCopied += piece.rowGroups.reduce((sum, { bytes }) => sum + bytes, 0);
        continue;
      }
      const merged = mergedSection(table, bucket, plan, { ...piece, changelog });
      for await (const { rows, changelog: changed, superseded } of merged) {
        signal?.throwIfAborted();
        if (rows.rows.rowCount > 0) await writer.writeKeyValues(rows);
        await changes.write(changed);
        marks.add(superseded);
      }
    }
    after.push(...(await writer.finish()));
  }
  for (const file of plan.upgrades) {
    after.push(upgraded(place, file, outputLevel));
    if (changelog === undefined || !changesByRising(file, changelog)) continue;
    const merged = mergedSection(table, bucket, plan, { ...wholeSection([[file]]), changelog });
    for await (const { changelog: changed, superseded } of merged) {
      signal?.throwIfAborted();
      await changes.write(changed);
      marks.add(superseded);
    }
  }
  const rewritten = plan.rewrites.flatMap(({ sections }) => sections.flat(2));
  const before = [...rewritten, ...plan.upgrades];
  return {
    place,
    before,
    after,
    changelog: await changes.finish(),
    bytesCopied,
    read: readOf(bucket, before, { looksUp: changelog?.kind === 'lookup' }),
    vectors: { ...placeOf(place), gone: namesOf(rewritten), marks: marks.byFile },
  };
}

/** What is merged and what stays as it is, in key order. */
async function piecesOfAll(
  table: Table,
  { place, deletions, expiring }: KeyBucket,
  sections: readonly Section[],
  { outputLevel, changelog }: { readonly outputLevel: number; readonly changelog: ChangelogSpec | undefined },
): Promise<readonly Piece[]> {
  if (changelog !== undefined || expiring !== undefined || !mayLeaveUnseen(table)) return sections.map(wholeSection);
  const pieces: Piece[] = [];
  for (const section of sections)
    pieces.push(...(await piecesOf(table, { ...place, deletions }, section, outputLevel)));
  return pieces;
}

/** The next one is fetched while one is written. */
async function writeUntouched(
  { schema }: Table,
  writer: DataFileWriter,
  rowGroups: readonly PackedRows[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const keys = fieldsNamed(schema, trimmedPrimaryKeys(schema));
  let fetched: Promise<LoadedRows> | undefined;
  for (const [index, rows] of rowGroups.entries()) {
    signal?.throwIfAborted();
    const loaded = await (fetched ?? rows.load(keys));
    fetched = rowGroups[index + 1]?.load(keys);
    // Where writing fails nobody looks at it; one who goes on awaits the promise itself.
    fetched?.catch(() => undefined);
    await writer.writePacked(rows, loaded);
  }
}

/** Rows to be marked as deleted, by file. */
class Marks {
  readonly byFile = new Map<string, number[]>();

  add(rows: readonly SupersededRow[]): void {
    for (const { fileName, position } of rows) {
      const positions = this.byFile.get(fileName) ?? [];
      this.byFile.set(fileName, positions);
      positions.push(position);
    }
  }
}

/** What a compaction of these files counts on. */
function readOf(
  { place, files, deletions }: Omit<KeyBucket, 'lastLevel' | 'expiring'>,
  before: readonly DataFileMeta[],
  { looksUp }: { readonly looksUp: boolean },
): BucketRead {
  const vectors = before.map(({ fileName }) => {
    const vector = deletions.get(fileName);
    return [fileName, vector === undefined ? undefined : vectorIdentity(vector)] as const;
  });
  const above0 = files.filter(({ level }) => level > 0).map(file => identifierKey({ ...place, file }));
  return { ...placeOf(place), vectors: new Map(vectors), above0: looksUp ? new Set(above0) : undefined };
}

function placeOf({ partition, bucket }: Place): Pick<Place, 'partition' | 'bucket'> {
  return { partition, bucket };
}

function namesOf(files: readonly DataFileMeta[]): ReadonlySet<string> {
  return new Set(files.map(({ fileName }) => fileName));
}

/** Whether a file that only changes its level changes the table for those who follow it, or supersedes rows. */
function changesByRising(file: DataFileMeta, { kind, isProduced, marks }: ChangelogSpec): boolean {
  return (isProduced && kind === 'full-compaction') || ((isProduced || marks) && file.level === 0);
}

async function* mergedSection(
  table: Table,
  { place, files, deletions, expiring }: KeyBucket,
  plan: CompactPlan,
  { section, rowGroups, changelog }: Omit<MergePiece, 'kind'> & { readonly changelog: ChangelogSpec | undefined },
): AsyncGenerator<CompactedBatch, void, undefined> {
  const { schema } = table;
  const read = wholeRows(table);
  const spec = mergeSpec(schema, { dropDeletes: plan.dropDeletes });
  const from = { ...place, deletions };
  // What a changelog tells are whole rows, also of rows that are no more; and rows expire by a value.
  const earlyColumns = changelog === undefined && expiring === undefined ? pickingColumns(spec) : undefined;
  const found = readSection(table, from, section, { ...read, rowGroups, earlyColumns });
  const runs = expiring === undefined ? found : found.map(run => expiring.living(run));
  if (changelog === undefined) {
    for await (const rows of mergeRuns(runs, spec, { batchRowsMax }))
      yield { rows, changelog: undefined, superseded: [] };
    return;
  }
  const compareKey = keyComparator(schema);
  const compacted = section.flat();
  const others = changelog.kind === 'lookup' ? lookedUpFiles(files, compacted, compareKey) : [];
  const lookUp = lookUpRead(schema, read, { compacted, keysOnly: looksAtKeysOnly(spec, changelog) });
  const older = sortedRuns(others, compareKey).map(run => lookedUp(readRun(table, from, run.files, lookUp), read));
  yield* compactRuns([...older.reverse(), ...runs], spec, changelog, { batchRowsMax });
}

async function* lookedUp(
  run: AsyncIterable<KeyValueBatch>,
  { wanted }: FileRead,
): AsyncGenerator<KeyValueBatch, void, undefined> {
  for await (const batch of run) yield { ...batch, rows: widened(batch.rows, wanted), isLookedUp: true };
}

/** The changelog files of one bucket's compaction. */
class ChangelogWriter {
  readonly #writer: DataFileWriter;

  constructor(table: Table, place: Place, level: number) {
    this.#writer = new DataFileWriter(table, place, {
      schema: table.schema,
      level,
      source: 'append',
      isChangelog: true,
    });
  }

  async write(changes: KeyValueBatch | undefined): Promise<void> {
    if (changes !== undefined) await this.#writer.writeKeyValues(changes);
  }

  finish(): Promise<readonly PlannedFile[]> {
    return this.#writer.finish();
  }
}

export async function rewriteAppendBucket(
  table: Table,
  bucket: Omit<KeyBucket, 'lastLevel' | 'expiring'>,
  unit: AppendCompactUnit,
  signal?: AbortSignal | undefined,
): Promise<CompactResult> {
  const writer = new DataFileWriter(table, bucket.place, { schema: table.schema, level: 0, source: 'compact' });
  let next = unit.files[0]?.minSequenceNumber ?? 0n;
  for await (const rows of rowsOfUnit(table, bucket, unit, signal)) {
    await writer.writeRows(rows, next);
    next += BigInt(rows.rowCount);
  }
  return replaced(bucket, unit, await writer.finish());
}

/** As `rewriteAppendBucket`, the rows in a sort order. */
export async function rewriteAppendSorted(
  table: Table,
  bucket: Omit<KeyBucket, 'lastLevel' | 'expiring'>,
  unit: AppendCompactUnit,
  rewrite: SortedRewrite,
): Promise<CompactResult> {
  const first = unit.files[0]?.minSequenceNumber ?? 0n;
  const rows = rowsOfUnit(table, bucket, unit, rewrite.signal);
  return replaced(bucket, unit, await writeSorted(table, bucket.place, rows, first, rewrite));
}

async function* rowsOfUnit(
  table: Table,
  { place, deletions }: Omit<KeyBucket, 'lastLevel' | 'expiring'>,
  unit: AppendCompactUnit,
  signal: AbortSignal | undefined,
): AsyncGenerator<RowBatch, void, undefined> {
  for (const file of unit.files) {
    for await (const rows of readRows(table, { ...place, deletions }, file, wholeRows(table))) {
      signal?.throwIfAborted();
      yield rows;
    }
  }
}

function replaced(
  bucket: Omit<KeyBucket, 'lastLevel' | 'expiring'>,
  unit: AppendCompactUnit,
  after: readonly PlannedFile[],
): CompactResult {
  const { place } = bucket;
  return {
    place,
    before: unit.files,
    after,
    changelog: [],
    bytesCopied: 0,
    read: readOf(bucket, unit.files, { looksUp: false }),
    vectors: { ...placeOf(place), gone: namesOf(unit.files), marks: new Map() },
  };
}

function upgraded({ partition, bucket, totalBuckets }: Place, file: DataFileMeta, level: number): PlannedFile {
  return { partition, bucket, totalBuckets, file: { ...file, level }, uploadBeganMs: undefined };
}

function wholeRows(table: Table): FileRead {
  return { schema: table.schema, wanted: { fields: table.schema.fields }, prune: undefined, batchRowsMax };
}
