/**
 * Carries out what was picked for one bucket: reads, merges and writes by streams, in memory of a batch for each run and
 * a row group for the output. Nothing it writes is visible before a commit names it; a run that is cut short deletes
 * nothing (DESIGN C2).
 */

import type { DataFileMeta } from '../../format/data-file.ts';
import type { AppendCompactUnit } from '../../lsm/append-picker.ts';
import type { ChangelogSpec } from '../../lsm/changelog-merge.ts';
import type { CompactPlan, Section } from '../../lsm/compaction-plan.ts';
import { compactRuns, mergeRuns } from '../../lsm/merge.ts';
import { sortedRuns } from '../../lsm/sorted-runs.ts';
import type { KeyValueBatch } from '../../types/row-batch.ts';
import type { PlannedFile } from '../commit/request.ts';
import { noDeletions } from '../index-files.ts';
import { keyComparator } from '../key-comparator.ts';
import { mergeSpec } from '../merge-spec.ts';
import { type FileRead, readRows } from '../read/read-file.ts';
import { readRun, readSection } from '../read/read-split.ts';
import type { Table } from '../table.ts';
import { DataFileWriter } from '../write/data-file-writer.ts';
import type { Place } from '../write/place-rows.ts';
import { changelogOfCompaction, lookedUpFiles } from './changelog-of-compaction.ts';

/** What a finished compaction of a bucket changes; the only thing its commit looks at. */
export type CompactResult = {
  readonly place: Place;
  /** Live files that go; an upgraded file is among them under its old level. */
  readonly before: readonly DataFileMeta[];
  readonly after: readonly PlannedFile[];
  readonly changelog: readonly PlannedFile[];
};

/** A bucket of a primary-key table as its compaction finds it. */
export type KeyBucket = {
  readonly place: Place;
  /** All that are live. */
  readonly files: readonly DataFileMeta[];
  readonly lastLevel: number;
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
  const after: PlannedFile[] = [];
  for (const { sections } of plan.rewrites) {
    const writer = new DataFileWriter(table, place, { schema: table.schema, level: outputLevel, source: 'compact' });
    for (const section of sections) {
      const merged = mergedSection(table, bucket, plan, { section, changelog });
      for await (const { rows, changelog: changed } of merged) {
        signal?.throwIfAborted();
        if (rows.rows.rowCount > 0) await writer.writeKeyValues(rows);
        await changes.write(changed);
      }
    }
    after.push(...(await writer.finish()));
  }
  for (const file of plan.upgrades) {
    after.push(upgraded(place, file, outputLevel));
    if (changelog?.isProduced !== true || !changesByRising(file, changelog)) continue;
    for await (const { changelog: changed } of mergedSection(table, bucket, plan, { section: [[file]], changelog })) {
      signal?.throwIfAborted();
      await changes.write(changed);
    }
  }
  const rewritten = plan.rewrites.flatMap(({ sections }) => sections.flat(2));
  return { place, before: [...rewritten, ...plan.upgrades], after, changelog: await changes.finish() };
}

/** Whether a file that only changes its level changes the table for those who follow it. */
function changesByRising(file: DataFileMeta, { kind }: ChangelogSpec): boolean {
  return kind === 'full-compaction' || file.level === 0;
}

type MergedBatch = { readonly rows: KeyValueBatch; readonly changelog: KeyValueBatch | undefined };

async function* mergedSection(
  table: Table,
  { place, files }: KeyBucket,
  plan: CompactPlan,
  { section, changelog }: { readonly section: Section; readonly changelog: ChangelogSpec | undefined },
): AsyncGenerator<MergedBatch, void, undefined> {
  const { schema } = table;
  const read = wholeRows(table);
  const spec = mergeSpec(schema, { dropDeletes: plan.dropDeletes });
  const from = { ...place, deletions: noDeletions };
  const runs = readSection(table, from, section, read);
  if (changelog === undefined) {
    for await (const rows of mergeRuns(runs, spec, { batchRowsMax })) yield { rows, changelog: undefined };
    return;
  }
  const compareKey = keyComparator(schema);
  const others = changelog.kind === 'lookup' ? lookedUpFiles(files, section.flat(), compareKey) : [];
  const older = sortedRuns(others, compareKey).map(run => lookedUp(readRun(table, from, run.files, read)));
  yield* compactRuns([...older.reverse(), ...runs], spec, changelog, { batchRowsMax });
}

async function* lookedUp(run: AsyncIterable<KeyValueBatch>): AsyncGenerator<KeyValueBatch, void, undefined> {
  for await (const batch of run) yield { ...batch, isLookedUp: true };
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
  place: Place,
  unit: AppendCompactUnit,
  signal?: AbortSignal | undefined,
): Promise<CompactResult> {
  const writer = new DataFileWriter(table, place, { schema: table.schema, level: 0, source: 'compact' });
  let next = unit.files[0]?.minSequenceNumber ?? 0n;
  for (const file of unit.files) {
    for await (const rows of readRows(table, { ...place, deletions: noDeletions }, file, wholeRows(table))) {
      signal?.throwIfAborted();
      await writer.writeRows(rows, next);
      next += BigInt(rows.rowCount);
    }
  }
  return { place, before: unit.files, after: await writer.finish(), changelog: [] };
}

function upgraded({ partition, bucket, totalBuckets }: Place, file: DataFileMeta, level: number): PlannedFile {
  return { partition, bucket, totalBuckets, file: { ...file, level }, uploadBeganMs: undefined };
}

function wholeRows(table: Table): FileRead {
  return { schema: table.schema, wanted: { fields: table.schema.fields }, prune: undefined, batchRowsMax };
}
