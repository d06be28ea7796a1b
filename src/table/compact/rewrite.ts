/**
 * Carries out what was picked for one bucket: reads, merges and writes by streams, in memory of a batch for each run and
 * a row group for the output. Nothing it writes is visible before a commit names it; a run that is cut short deletes
 * nothing (DESIGN C2).
 */

import type { DataFileMeta } from '../../format/data-file.ts';
import type { AppendCompactUnit } from '../../lsm/append-picker.ts';
import type { CompactPlan } from '../../lsm/compaction-plan.ts';
import { mergeRuns } from '../../lsm/merge.ts';
import type { PlannedFile } from '../commit/request.ts';
import { mergeSpec } from '../merge-spec.ts';
import { type FileRead, readRows } from '../read/read-file.ts';
import { readSection } from '../read/read-split.ts';
import type { Table } from '../table.ts';
import { DataFileWriter } from '../write/data-file-writer.ts';
import type { Place } from '../write/place-rows.ts';

/** What a finished compaction of a bucket changes; the only thing its commit looks at. */
export type CompactResult = {
  readonly place: Place;
  /** Live files that go; an upgraded file is among them under its old level. */
  readonly before: readonly DataFileMeta[];
  readonly after: readonly PlannedFile[];
};

/** Rows of a batch on the way from readers to the writer. */
const batchRowsMax = 16_384;

export async function rewriteKeyBucket(
  table: Table,
  place: Place,
  plan: CompactPlan,
  signal?: AbortSignal | undefined,
): Promise<CompactResult> {
  const { schema } = table;
  const read = wholeRows(table);
  const spec = mergeSpec(schema, { dropDeletes: plan.dropDeletes });
  const after: PlannedFile[] = [];
  for (const rewrite of plan.rewrites) {
    const writer = new DataFileWriter(table, place, { schema, level: plan.outputLevel, source: 'compact' });
    for (const section of rewrite.sections) {
      const runs = readSection(table, place, section, read);
      for await (const batch of mergeRuns(runs, spec, { batchRowsMax })) {
        signal?.throwIfAborted();
        await writer.writeKeyValues(batch);
      }
    }
    after.push(...(await writer.finish()));
  }
  for (const file of plan.upgrades) after.push(upgraded(place, file, plan.outputLevel));
  const rewritten = plan.rewrites.flatMap(({ sections }) => sections.flat(2));
  return { place, before: [...rewritten, ...plan.upgrades], after };
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
    for await (const rows of readRows(table, place, file, wholeRows(table))) {
      signal?.throwIfAborted();
      await writer.writeRows(rows, next);
      next += BigInt(rows.rowCount);
    }
  }
  return { place, before: unit.files, after: await writer.finish() };
}

function upgraded({ partition, bucket, totalBuckets }: Place, file: DataFileMeta, level: number): PlannedFile {
  return { partition, bucket, totalBuckets, file: { ...file, level }, uploadBeganMs: undefined };
}

function wholeRows(table: Table): FileRead {
  return { schema: table.schema, wanted: { fields: table.schema.fields }, prune: undefined, batchRowsMax };
}
